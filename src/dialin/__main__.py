"""``python -m dialin`` is the ``dialin`` command."""

from dialin.cli import main

if __name__ == "__main__":
    main()

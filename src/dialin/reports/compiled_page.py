"""The page's template as Python compiled it, kept in the user's cache: compiling takes longest."""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from jinja2.bccache import Bucket, BytecodeCache

from dialin.errors import OutputError
from dialin.files import cache_folder, write_bytes


class CompiledPage(BytecodeCache):
    """Compiled templates in the user's cache; Jinja tells whether they are of this template.

    What cannot be read or written is compiled again.
    """

    def load_bytecode(self, bucket: Bucket) -> None:
        """Read what was kept.

        Parameters
        ----------
        bucket : Bucket
            Of the template.
        """
        # Half a file, as a crash of the system may leave it, is none.
        with contextlib.suppress(OSError, ValueError, EOFError, TypeError):
            bucket.load_bytecode(io.BytesIO(_place(bucket).read_bytes()))

    def dump_bytecode(self, bucket: Bucket) -> None:
        """Keep what was compiled.

        Parameters
        ----------
        bucket : Bucket
            Of the template.
        """
        with contextlib.suppress(OutputError, OSError):
            write_bytes(_place(bucket), bucket.bytecode_to_string(), parents=True)


def _place(bucket: Bucket) -> Path:
    return cache_folder() / "page" / bucket.key

"""What the tests have workers call."""

import os
import signal
import time

from dialin.errors import AudioError


def square(number):
    return number * number


def who(_):
    return os.getpid(), os.environ["OMP_NUM_THREADS"]


def refuse(number):
    if number == 2:
        raise AudioError("two is no sound")
    return number


def wrong(number):
    raise ZeroDivisionError(number)


def die(number):
    if number == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def sleep(seconds):
    time.sleep(seconds)
    return seconds


def unsendable(_):
    return lambda: None

"""Listening tests after ITU-R BS.1534 (MUSHRA): making them for webMUSHRA, and reading results."""

from dialin.evaluation.listening.analyse import Analysis, analyse, read_ratings
from dialin.evaluation.listening.build import build_test

__all__ = ["Analysis", "analyse", "build_test", "read_ratings"]

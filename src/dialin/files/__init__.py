"""The user's folders: what may be written there, and how nothing of theirs is lost.

Every command that writes asks `check_not_read` first, makes its files in a `working_folder`
beside their place, and moves them there with `move`, or writes a single file with `atomic_file`
and what builds on it. A folder of results keeps the list of what dialin wrote (`OwnFiles`), so
that only those files are ever deleted.
"""

from dialin.files.atomic import atomic_file, write_bytes, write_json, write_text
from dialin.files.guard import check_distinct, check_not_read, folds_case
from dialin.files.own import MANIFEST, OwnFiles, digest, kept_name
from dialin.files.places import cache_folder, config_folder, data_folder
from dialin.files.publish import Published, free_folder, publish, stands_in_the_way
from dialin.files.space import check_name, check_space
from dialin.files.text import json_text, plain
from dialin.files.working import claim_folder, move, sweep, uninterrupted, working_folder

__all__ = [
    "MANIFEST",
    "OwnFiles",
    "Published",
    "atomic_file",
    "cache_folder",
    "check_distinct",
    "check_name",
    "check_not_read",
    "check_space",
    "claim_folder",
    "config_folder",
    "data_folder",
    "digest",
    "folds_case",
    "free_folder",
    "json_text",
    "kept_name",
    "move",
    "plain",
    "publish",
    "stands_in_the_way",
    "sweep",
    "uninterrupted",
    "working_folder",
    "write_bytes",
    "write_json",
    "write_text",
]

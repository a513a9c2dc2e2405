"""Files and folders: whole recordings through what was found, and all a match leaves behind."""

"""What a class handed in: read, counted, shown.

    found = read_all(["hand-ins"])        # files and folders; every file has an outcome
    print(as_text(found))                 # what was solved, which mistakes, predictions, quiz
    write_csv(found, "class.csv")
    write_html(found, "class.html")

A hand-in is a file that anybody can edit: it is self-reported, and all that is shown here says so. Nothing
in it is executed, and nothing of it reaches a page, a sheet or a terminal unchecked. For marks, let answers
run again (``make assignment``).
"""

from ngpu_lib.collect.count import Lesson, lessons
from ngpu_lib.collect.read import Collected, HandIn, parse, read_all
from ngpu_lib.collect.show import as_text, pictures, write_csv, write_html

__all__ = [
    "Collected",
    "HandIn",
    "Lesson",
    "as_text",
    "lessons",
    "parse",
    "pictures",
    "read_all",
    "write_csv",
    "write_html",
]

"""The sources of the page that ``map -o html`` and ``diff -o html`` write: modules of script and a style sheet."""

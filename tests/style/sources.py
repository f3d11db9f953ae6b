"""What the style tests share: the project's C++ files, and reading them without comments and strings."""
import pathlib
import re

ROOT = pathlib.Path(__file__).resolve().parents[2]
LIBRARIES = ("core", "data", "solvers", "surrogates", "workflows")
FOLDERS = LIBRARIES + ("apps", "bench", "tests")
# A comment, a raw string, a string or a character.
_NOT_CODE = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(?P<mark>[^(\s]*)\(.*?\)(?P=mark)"|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.DOTALL)


def files(folders=FOLDERS, suffixes=(".hpp", ".cpp")):
    """Paths relative to the root, sorted."""
    return sorted(path.relative_to(ROOT)
                  for folder in folders for path in (ROOT / folder).rglob("*") if path.suffix in suffixes)


def text_of(path):
    return (ROOT / path).read_text(encoding="utf-8")


def code_of(text):
    """The text with comments and strings blanked; lines keep their numbers."""
    def blank(match):
        found = match.group(0)
        # 1'000 is a number, and its quote begins nothing.
        if found[0] == "'" and match.start() > 0 and (text[match.start() - 1].isalnum()):
            return found
        return re.sub(r"[^\n]", " ", found)

    return _NOT_CODE.sub(blank, text)


def report(problems, advice):
    """Prints the problems; the exit code."""
    for problem in problems:
        print(problem)
    if problems:
        print(f"{len(problems)} found; {advice}")
    return 1 if problems else 0

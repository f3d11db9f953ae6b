"""Headers begin with pragma once, no file names this machine, and every source of a library has its test."""
import pathlib
import re
import sys

import sources

# Folders of one person's machine; /dev, /proc, /sys, /etc and /tmp are everyone's.
MACHINE_PATH = re.compile(r"(?<![\w/.])/(?:home|root|Users|work|mnt|opt)/[A-Za-z0-9_.-]+")
# Sources without a test of their own name, and the test file that tests them.
TESTED_ELSEWHERE = pathlib.Path(__file__).parent / "tested_elsewhere.txt"
TEXTS = (".hpp", ".cpp", ".py", ".cmake", ".txt", ".yaml", ".md", ".sh")


def without_pragma(files):
    return [f"{path}: a header begins with #pragma once"
            for path, text in files if path.endswith(".hpp") and not text.lstrip().startswith(("#pragma once", "//"))
            or (path.endswith(".hpp") and "#pragma once" not in text)]


def machine_paths(files):
    for path, text in files:
        for number, line in enumerate(text.splitlines(), 1):
            found = MACHINE_PATH.search(line)
            if found:
                yield f"{path}:{number}: '{found.group(0)}' is a path of one machine; make it an option or relative"


def read_elsewhere(text):
    """{source: test file} from lines "source: test file"."""
    lines = [line.split("#")[0] for line in text.splitlines()]
    return {source.strip(): test.strip() for source, test in (line.split(":") for line in lines if line.strip())}


def untested(library_sources, tests, elsewhere):
    for path in library_sources:
        source = pathlib.PurePosixPath(path)
        expected = elsewhere.get(path, str("tests" / source.parent / (source.stem + "_test.cpp")))
        if expected not in tests:
            yield f"{path}: there is no {expected}"
    for path in elsewhere:
        if path not in library_sources:
            yield f"tests/style/tested_elsewhere.txt: there is no {path}"


def self_test():
    assert without_pragma([("core/a.hpp", "int a;\n")])
    assert not without_pragma([("core/a.hpp", "#pragma once\n")])
    assert list(machine_paths([("core/a.cpp", 'auto p = "/home' + '/me/x";')]))
    assert not list(machine_paths([("core/a.cpp", '#include "core/work/x.hpp"  // /proc/self')]))
    assert list(untested(["core/a.cpp"], set(), {}))
    assert not list(untested(["core/a.cpp"], {"tests/core/a_test.cpp"}, {}))
    assert not list(untested(["core/a.cpp"], {"tests/core/b_test.cpp"}, read_elsewhere("core/a.cpp: tests/core/b_test.cpp  # why")))
    assert list(untested([], set(), {"core/gone.cpp": "tests/core/b_test.cpp"}))


def main():
    self_test()
    files = [(str(path), sources.text_of(path)) for path in sources.files(suffixes=TEXTS)
             if not str(path).startswith("tests/fixtures/")]
    cpp = [(path, text) for path, text in files if path.endswith((".hpp", ".cpp"))]
    library_sources = [str(path) for path in sources.files(sources.LIBRARIES, (".cpp",))]
    tests = {str(path) for path in sources.files(("tests",), (".cpp",))}
    elsewhere = read_elsewhere(TESTED_ELSEWHERE.read_text())
    problems = without_pragma(cpp) + list(machine_paths(files)) + list(untested(library_sources, tests, elsewhere))
    return sources.report(problems, "see style.md and CONTRIBUTING.md")


if __name__ == "__main__":
    sys.exit(main())

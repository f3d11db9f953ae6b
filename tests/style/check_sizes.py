"""Headers, sources and functions are short; parameters few; a public function takes no bool."""
import re
import sys

import sources

MOST_HEADER_LINES = 250
MOST_SOURCE_LINES = 400
MOST_FUNCTION_LINES = 60
MOST_PARAMETERS = 5
# The condition of an error is a bool, and HDF5 prescribes the parameters of a filter.
BOOL_ALLOWED = {"require", "expect_machine"}
PARAMETERS_PRESCRIBED = {"data/hdf5/lzf.cpp: filter_chunk"}
NOT_FUNCTIONS = {"if", "for", "while", "switch", "catch", "return", "requires", "decltype", "noexcept", "alignas", "sizeof"}


def matching(code, at, opening, closing):
    """Index of the bracket that closes the one at `at`, or -1."""
    depth = 0
    for i in range(at, len(code)):
        if code[i] == opening:
            depth += 1
        elif code[i] == closing:
            depth -= 1
            if depth == 0:
                return i
    return -1


HEAD = re.compile(r"(?P<name>[A-Za-z_~][\w:~]*|operator\s*[^\s(]+)\s*\(")
AFTER = re.compile(r"\s*(?:const|noexcept|override|final|mutable|->\s*[\w:<>,&*\s]+?|requires\s+[^{;]+|:\s*[^{;]*(?:\{[^{}]*\}[^{;]*)*)*\s*\{")


def functions(code):
    """(name, parameters, first line, lines) of function bodies; lambdas count within their function."""
    found = []
    at = 0
    while True:
        head = HEAD.search(code, at)
        if not head:
            return found
        at = head.end()
        name = head.group("name")
        opened = head.end() - 1
        closed = matching(code, opened, "(", ")")
        if closed < 0 or name in NOT_FUNCTIONS:
            continue
        after = AFTER.match(code, closed + 1)
        if not after:
            continue
        body = after.end() - 1
        end = matching(code, body, "{", "}")
        if end < 0:
            continue
        first = code.count("\n", 0, head.start()) + 1
        found.append((name, code[opened + 1:closed], first, code.count("\n", head.start(), end) + 1))
        at = end


def split_parameters(text):
    parts, depth, part = [], 0, ""
    for c in text:
        depth += (c in "<({[") - (c in ">)}]")
        if c == "," and depth == 0:
            parts.append(part)
            part = ""
        else:
            part += c
    return [piece.strip() for piece in parts + [part] if piece.strip() and piece.strip() != "void"]


DECLARATION = re.compile(r"\b(?P<type>[A-Za-z_][\w:<>,&*\s]*[\s&*>])(?P<name>[A-Za-z_]\w*)\s*\((?P<parameters>[^()]*(?:\([^()]*\)[^()]*)*)\)\s*"
                         r"(?:const|noexcept|override|final|\s)*(?:=\s*0\s*)?[;{]")


def public_part(code):
    """A header's code without private and protected parts and without function bodies."""
    return re.sub(r"\n (?:private|protected):.*?(?=\n (?:public|private|protected):|\n};)", "\n", code, flags=re.DOTALL)


def declarations(code):
    for match in DECLARATION.finditer(public_part(code)):
        first = match.group("type").split()
        if first and first[0] in ("return", "throw", "else", "new", "case", "co_return", "goto"):
            continue
        yield match.group("name"), split_parameters(match.group("parameters"))


def check(path, text):
    code = sources.code_of(text)
    most = MOST_HEADER_LINES if path.endswith(".hpp") else MOST_SOURCE_LINES
    lines = text.count("\n")
    if lines > most:
        yield f"{path}: {lines} lines, at most {most}"
    for name, parameters, first, length in functions(code):
        if length > MOST_FUNCTION_LINES:
            yield f"{path}:{first}: {name} has {length} lines, at most {MOST_FUNCTION_LINES}"
        count = len(split_parameters(parameters))
        if count > MOST_PARAMETERS and not path.startswith("tests/") and f"{path}: {name}" not in PARAMETERS_PRESCRIBED:
            yield f"{path}:{first}: {name} has {count} parameters, at most {MOST_PARAMETERS}"
    if path.endswith(".hpp") and not path.startswith("tests/"):
        for name, parameters in declarations(code):
            if name not in BOOL_ALLOWED and any(re.match(r"(?:const\s+)?bool\b(?!\s*[(*&])", parameter) for parameter in parameters):
                yield f"{path}: {name} takes a bool; use an enum class"
            if len(parameters) > MOST_PARAMETERS:
                yield f"{path}: {name} takes {len(parameters)} parameters, at most {MOST_PARAMETERS}"


def self_test():
    long_function = "void f(int a) {\n" + "  g(a);\n" * 60 + "}\n"
    assert any("f has 62 lines" in problem for problem in check("core/a.cpp", long_function))
    in_class = "class A {\n public:\n  A() : a_{1}, b_(2) {\n" + "    g();\n" * 60 + "  }\n};\n"
    assert any("A has 62 lines" in problem for problem in check("core/a.hpp", in_class))
    assert not list(check("core/a.cpp", "void f() {\n  char const* s = \"{ { {\";  // {\n}\n" * 5))
    assert any("takes a bool" in problem for problem in check("core/a.hpp", "void f(int a, bool b);\n"))
    assert not list(check("core/a.hpp", "class A {\n public:\n  bool f(int a) const;\n private:\n  void g(bool b);\n};\n"))
    assert any("6 parameters" in problem for problem in check("core/a.hpp", "int f(int a, int b, int c, int d, int e, int g);\n"))
    assert split_parameters("std::map<int, int> const& a, std::function<void(int, int)> b") == [
        "std::map<int, int> const& a", "std::function<void(int, int)> b"]
    assert any("251 lines" in problem for problem in check("core/a.hpp", "\n" * 251))


def main():
    self_test()
    problems = [problem for path in sources.files() for problem in check(str(path), sources.text_of(path))]
    return sources.report(sorted(set(problems)), "split what is long, and give many parameters a struct")


if __name__ == "__main__":
    sys.exit(main())

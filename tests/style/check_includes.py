"""Layers include only what layers.txt allows, no files or folders of a layer include each other in a circle, and nothing
but the registry knows a network's folder."""
import pathlib
import re
import sys

import sources

REGISTRY = "surrogates/registry.cpp"
INCLUDE = re.compile(r'^\s*#\s*include\s+"([^"]+)"', re.MULTILINE)


def read_layers(text):
    layers = {}
    for line in text.splitlines():
        line = line.split("#")[0].strip()
        if line:
            name, allowed = line.split(":")
            layers[name.strip()] = set(allowed.split())
    return layers


def layer_of(path):
    return pathlib.PurePosixPath(path).parts[0]


def includes():
    """{file: [(line, included file)]} of our own files, by path from the root."""
    found = {}
    for path in sources.files():
        text = sources.text_of(path)
        found[str(path)] = [(text.count("\n", 0, match.start()) + 1, match.group(1)) for match in INCLUDE.finditer(text)]
    return found


def forbidden(graph, layers):
    for path, included in graph.items():
        here = layer_of(path)
        for line, other in included:
            there = layer_of(other)
            if there != here and there not in layers.get(here, set()):
                yield f"{path}:{line}: {here}/ may not include {other}; it may include {', '.join(sorted(layers[here])) or 'nothing'}"


def intruders(graph, networks):
    """Includes of a network's folder from elsewhere than itself, the registry, tests and benchmarks."""
    for path, included in graph.items():
        if path == REGISTRY or layer_of(path) in ("tests", "bench"):
            continue
        for line, other in included:
            there = str(pathlib.PurePosixPath(other).parent)
            if there in networks and str(pathlib.PurePosixPath(path).parent) != there:
                yield f"{path}:{line}: only {REGISTRY} may include {other}, of one network"


def circles(edges):
    """Circles of a graph {node: nodes}, one for each strongly connected part (Tarjan)."""
    number, low, stack, parts = {}, {}, [], []

    def visit(node):
        number[node] = low[node] = len(number)
        stack.append(node)
        for other in edges.get(node, ()):
            if other not in number:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], number[other])
        if low[node] == number[node]:
            part = []
            while not part or part[-1] != node:
                part.append(stack.pop())
            if len(part) > 1 or node in edges.get(node, ()):
                parts.append(sorted(part))

    for node in sorted(edges):
        if node not in number:
            visit(node)
    return parts


def folder_edges(graph):
    """A registry is a table of what lies in the folders below it, which include its folder's interfaces: not a circle."""
    edges = {}
    for path, included in graph.items():
        if path.endswith("/registry.cpp"):
            continue
        here = str(pathlib.PurePosixPath(path).parent)
        for _, other in included:
            there = str(pathlib.PurePosixPath(other).parent)
            if there != here:
                edges.setdefault(here, set()).add(there)
    return edges


def self_test():
    layers = read_layers("core:\ndata: core\n")
    assert list(forbidden({"core/a.hpp": [(3, "data/b.hpp")]}, layers)), "a forbidden include was not seen"
    assert not list(forbidden({"data/b.hpp": [(3, "core/a.hpp")]}, layers))
    networks = {"surrogates/fno"}
    assert list(intruders({"workflows/a.cpp": [(1, "surrogates/fno/fno.hpp")]}, networks)), "an intruder was not seen"
    assert not list(intruders({path: [(1, "surrogates/fno/fno.hpp")]
                               for path in (REGISTRY, "tests/a.cpp", "surrogates/fno/b.cpp")}, networks))
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}}) == [["b", "c"]], "a circle was not seen"
    assert not circles({"a": {"b", "c"}, "b": {"c"}})


def main():
    self_test()
    sys.setrecursionlimit(10000)
    graph = includes()
    layers = read_layers((pathlib.Path(__file__).parent / "layers.txt").read_text())
    networks = {str(pathlib.PurePosixPath(path).parent) for path in graph if path.endswith("/entry.cpp")}
    problems = list(forbidden(graph, layers)) + list(intruders(graph, networks))
    for part in circles({path: {other for _, other in included} for path, included in graph.items()}):
        problems.append("files include each other in a circle: " + ", ".join(part))
    for part in circles(folder_edges(graph)):
        problems.append("folders include each other in a circle: " + ", ".join(part))
    return sources.report(problems, "see tests/style/layers.txt; move what both need to the lower one")


if __name__ == "__main__":
    sys.exit(main())

"""Prints the tensors of a file of torch.save as its pickle describes them, without torch."""
import collections
import io
import pickle
import sys
import zipfile


class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, grad, hooks: (*storage, offset, size, stride, grad)
        if module == "torch" and name.endswith("Storage"):
            return type(name, (), {})
        raise pickle.UnpicklingError(f"{module}.{name}")

    def persistent_load(self, parts):
        kind, storage, key, place, elements = parts
        assert kind == "storage" and place == "cpu"
        return storage.__name__, key, elements


archive = zipfile.ZipFile(sys.argv[1])
root = Reader(io.BytesIO(archive.read("archive/data.pkl"))).load()
while not all(isinstance(value, tuple) for value in root.values()):
    container, root = next(iter(root.items()))
    print(container)
for name, parts in root.items():
    print(name, *parts)
    assert archive.getinfo(f"archive/data/{parts[1]}").file_size % max(1, parts[2]) == 0

"""Checks one file against the rules of The Well's layout, written anew from its description.

usage: check_well_format.py FILE; prints what is wrong and exits 1, or exits 0.
"""
import sys

import h5py
import numpy as np

problems = []


def check(condition, message):
    if not condition:
        problems.append(message)


def flag(item, name):
    """A boolean attribute: h5py gives numpy.bool_ only for its own enumeration."""
    value = item.attrs.get(name)
    check(isinstance(value, (bool, np.bool_)), f"{item.name}: {name} is {value!r}, not a boolean")
    return bool(value)


def texts(item, name):
    values = item.attrs.get(name)
    check(values is not None, f"{item.name}: {name} is missing")
    values = [] if values is None else list(values)
    check(all(isinstance(v, str) for v in values), f"{item.name}: {name} holds {values!r}, not texts")
    return values


def check_root(file):
    for name, kind in (("dataset_name", str), ("grid_type", str)):
        check(isinstance(file.attrs.get(name), kind), f"/: {name} is no text")
    for name in ("n_spatial_dims", "n_trajectories"):
        check(isinstance(file.attrs.get(name), np.int64), f"/: {name} is {file.attrs.get(name)!r}")
    for name in texts(file, "simulation_parameters"):
        check(np.shape(file.attrs.get(name)) == (), f"/: parameter {name} is no scalar attribute")
        check(name in file["scalars"], f"/scalars lacks the parameter {name}")
    for name in ("dimensions", "boundary_conditions", "scalars", "t0_fields", "t1_fields", "t2_fields"):
        check(isinstance(file.get(name), h5py.Group), f"group {name} is missing")


def check_dimensions(file):
    group = file["dimensions"]
    dims = texts(group, "spatial_dims")
    check(len(dims) == file.attrs["n_spatial_dims"], "spatial_dims and n_spatial_dims differ")
    check(set(group) == {"time", *dims}, f"dimensions holds {sorted(group)}")
    check(flag(group["time"], "time_varying"), "time does not vary in time")
    for name in dims:
        check(not flag(group[name], "time_varying"), f"dimension {name} varies in time")
    for item in group.values():
        check(item.dtype == np.float32, f"{item.name} is {item.dtype}")
        check(item.ndim == 1 + flag(item, "sample_varying"), f"{item.name} has shape {item.shape}")
    return dims


def check_boundaries(file, dims):
    for item in file["boundary_conditions"].values():
        where = texts(item, "associated_dims")
        texts(item, "associated_fields")
        check(item.attrs["bc_type"] in ("PERIODIC", "WALL", "OPEN"), f"{item.name}: {item.attrs['bc_type']}")
        flag(item, "sample_varying"), flag(item, "time_varying")
        mask = item["mask"]
        check(mask.dtype == bool, f"{mask.name} is {mask.dtype}")
        check(mask.shape == tuple(file["dimensions"][d].shape[-1] for d in where), f"{mask.name}: {mask.shape}")
        check(set(where) <= set(dims), f"{item.name}: unknown axes {where}")


def leading(file, item):
    shape = ()
    if flag(item, "sample_varying"):
        shape += (int(file.attrs["n_trajectories"]),)
    if flag(item, "time_varying"):
        shape += (file["dimensions/time"].shape[-1],)
    return shape


def check_values(file, dims):
    for name in texts(file["scalars"], "field_names"):
        item = file["scalars"][name]
        check(item.shape == leading(file, item), f"{item.name} has shape {item.shape}")
        check(item.dtype == np.float32, f"{item.name} is {item.dtype}")
    for order in range(3):
        group = file[f"t{order}_fields"]
        names = texts(group, "field_names")
        check(sorted(names) == sorted(group), f"{group.name}: field_names {names}, holds {sorted(group)}")
        for name in names:
            item = group[name]
            varying = list(item.attrs["dim_varying"])
            check(all(isinstance(v, np.bool_) for v in varying) and len(varying) == len(dims), f"{item.name}: {varying}")
            space = tuple(file["dimensions"][d].shape[-1] for d, v in zip(dims, varying) if v)
            expected = leading(file, item) + space + (len(dims),) * order
            check(item.shape == expected, f"{item.name} has shape {item.shape}, not {expected}")
            check(item.dtype == np.float32, f"{item.name} is {item.dtype}")
            check(np.isfinite(item[...]).all(), f"{item.name} holds NaN or Inf")
            if order == 2:
                flag(item, "symmetric"), flag(item, "antisymmetric")


with h5py.File(sys.argv[1]) as opened:
    check_root(opened)
    if not problems:
        axes = check_dimensions(opened)
        check_boundaries(opened, axes)
        check_values(opened, axes)
for problem in problems:
    print(problem)
sys.exit(1 if problems else 0)

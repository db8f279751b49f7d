"""Checks docstrings: no section may say something untrue, and the public functions must say everything."""

import importlib
import inspect
import pkgutil
import sys
from collections.abc import Iterator

from numpydoc.validate import validate

import fftscape

# Codes of numpydoc. Whatever is written must be true: sections known and in order, parameters that exist.
TRUTHFUL = {"GL06", "GL07", "PR02", "PR03", "PR05", "PR07", "PR10", "RT03", "SS03"}
# What users construct must tell its parameters, what they call its result and an example too.
COMPLETE_CLASS = TRUTHFUL | {"GL08", "PR01"}
COMPLETE_FUNCTION = COMPLETE_CLASS | {"RT01", "EX01"}


def demands() -> Iterator[tuple[str, set[str]]]:
    """Yield the dotted name of each function, class and public method with the codes it must satisfy."""
    public = [getattr(fftscape, name) for name in fftscape.__all__]
    for info in pkgutil.walk_packages(fftscape.__path__, "fftscape."):
        if info.name.endswith(".__main__"):
            continue  # importing it would run the program
        module = importlib.import_module(info.name)
        for name, item in vars(module).items():
            if getattr(item, "__module__", None) != module.__name__:
                continue
            in_public_module = module in public and not name.startswith("_")
            if inspect.isfunction(item):
                yield f"{info.name}.{name}", COMPLETE_FUNCTION if item in public or in_public_module else TRUTHFUL
            elif inspect.isclass(item):
                record = item in public and "__dataclass_fields__" in vars(item)
                yield f"{info.name}.{name}", COMPLETE_CLASS if record else TRUTHFUL
                for method, function in vars(item).items():
                    if inspect.isfunction(function) and not method.startswith("_"):
                        yield f"{info.name}.{name}.{method}", TRUTHFUL


def main() -> int:
    """Print each complaint and return how the process should end."""
    names = dict(demands())
    complaints = [
        f"{name}: {code} {text}"
        for name, codes in sorted(names.items())
        for code, text in validate(name)["errors"]
        if code in codes
    ]
    print(*complaints, f"{len(names)} docstrings, {len(complaints)} complaints", sep="\n")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main())

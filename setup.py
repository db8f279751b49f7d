"""The compiled kernel; all else is in pyproject.toml."""

from setuptools import Extension, setup

KERNEL = Extension(
    "fftscape.compute._kernel",
    ["src/kernel/module.c", "src/kernel/by_4.c", "src/kernel/by_8.c"],
    depends=["src/kernel/lanes.h", "src/kernel/task.h"],
    # Nothing looks at errno, nor is any exception of floating-point numbers caught: roots become one instruction.
    extra_compile_args=["-O3", "-fno-math-errno", "-fno-trapping-math"],
    py_limited_api=True,
    # Where it cannot be compiled, fftscape is installed without it (docs/decisions/0029-a-kernel-for-spectra.md).
    optional=True,
)

setup(ext_modules=[KERNEL], options={"bdist_wheel": {"py_limited_api": "cp311"}})

"""The compiled kernel; all else is in pyproject.toml."""

import sysconfig

from setuptools import Extension, setup

# One build for all Pythons, but not for those without the interpreter's lock, whose headers refuse it: they do without.
LIMITED = not sysconfig.get_config_var("Py_GIL_DISABLED")

KERNEL = Extension(
    "fftscape.compute._kernel",
    ["kernel/module.c", "kernel/weights.c", "kernel/spline.c", "kernel/by_4.c", "kernel/by_8.c"],
    depends=[
        f"kernel/{name}.h" for name in ("vectors", "spectra", "fit", "sweep", "nearest", "settle", "weights", "task")
    ],
    # Nothing looks at errno, nor is any exception of floating-point numbers caught: roots become one instruction.
    extra_compile_args=["-O3", "-fno-math-errno", "-fno-trapping-math"],
    py_limited_api=LIMITED,
    # Where it cannot be compiled, fftscape is installed without it (docs/decisions/0029-a-kernel-for-spectra.md).
    optional=True,
)

setup(ext_modules=[KERNEL], options={"bdist_wheel": {"py_limited_api": "cp311"}} if LIMITED else {})

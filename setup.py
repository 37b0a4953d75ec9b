"""Says which folders are which packages: the top-level folder conversion/ is deeplift_tf.conversion.

Everything else about the distribution is in pyproject.toml. The link deeplift_tf/conversion serves a checkout
and the type checker; builds and editable installs follow the mapping below, with or without the link.
"""

from setuptools import find_packages, setup

FOLDERS = {"deeplift_tf": "deeplift_tf", "deeplift_tf.conversion": "conversion"}
DATA = {"deeplift_tf": ["py.typed"], "deeplift_tf.report": ["page.html"]}


def packages() -> list[str]:
    """Every package below the mapped folders, each once although the link shows some of them twice."""
    below = {f"{name}.{child}" for name, folder in FOLDERS.items() for child in find_packages(folder)}
    return sorted(below | set(FOLDERS))


setup(package_dir=FOLDERS, packages=packages(), package_data=DATA)

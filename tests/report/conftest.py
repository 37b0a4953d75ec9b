"""Small models and inputs in files."""

from tests.cli.conftest import files as files

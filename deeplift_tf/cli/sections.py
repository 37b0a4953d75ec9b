"""``--help`` with its options in sections: what is read, what is explained, how, and where it goes."""

from __future__ import annotations

import click

from deeplift_tf.cli.once import Command

OPTIONS = "Options"
SECTIONS = {
    "Model": ("model", "weights", "signature", "custom_objects", "unsafe", "exact_only", "dtype"),
    "Input": ("input", "dataset", "preprocess", "letters_axis", "name", "words"),
    "What is explained": ("target", "targets", "output", "layers", "pre_activation", "mean_normalised", "class_names"),
    "References": ("references", "seed"),
    "Method": ("method", "rule", "hypothetical", "multipliers", "fold_spread"),
    "DNA: what is scored": (
        *("regions", "variants", "alleles", "genome", "length", "control", "null"),
        *("chromosomes", "exclude", "first", "sample", "soft_masked_as_n", "alphabet"),
    ),
    "DNA: strands and files": ("reverse_complement", "stranded", "formats", "compression", "names", "chrom_sizes"),
    "Run and resume": ("batch_size", "jit_compile", "on_error", "resume", "strict"),
    "Many machines": ("shard", "engine", "workers", "address", "gpus_per_worker", "cpus_per_worker"),
    "Output": ("out", "overwrite", "as_json", "top", "warmup"),
    OPTIONS: ("debug", "help"),
}
"""Sections in the order of the help, and the parameters of each, whichever command has them."""


class CommandInSections(Command):
    """A command of many options; one that no section names is listed under `OPTIONS`."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, a section after another, in the order of `SECTIONS`."""
        parameters = {each.name: each for each in self.get_params(ctx)}
        known = {name for names in SECTIONS.values() for name in names}
        for title, names in SECTIONS.items():
            others = [name for name in parameters if name not in known] if title == OPTIONS else []
            chosen = [parameters[name] for name in [*names, *others] if name in parameters]
            records = [record for each in chosen if (record := each.get_help_record(ctx)) is not None]
            if records:
                with formatter.section(title):
                    formatter.write_dl(records)

"""``deeplift-tf score``: scores for the rows of a file."""

from __future__ import annotations

import json
import re
import sys
import time
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import click

from deeplift_tf.argspec import name_in
from deeplift_tf.cli.errors import terminable
from deeplift_tf.cli.help import METHODS, REFERENCES
from deeplift_tf.cli.options import model_options, models_option, opened, saved_model, target_options
from deeplift_tf.cli.parsing import parse_names, parse_shard, parse_target, parse_targets
from deeplift_tf.cli.quiet import import_tensorflow
from deeplift_tf.cli.saying import say, say_missed
from deeplift_tf.cli.sections import CommandInSections
from deeplift_tf.cli.versions import versions
from deeplift_tf.errors import DeepLiftWarning
from deeplift_tf.genomics.formats.files import COMPRESSIONS
from deeplift_tf.genomics.formats.table import DEFAULTS, FORMATS
from deeplift_tf.images import is_images
from deeplift_tf.io.reference_rows import as_background, match_references, open_references, ready
from deeplift_tf.runs.batch_rows import batch_rows
from deeplift_tf.runs.config import FIELDS, RunConfig, is_fasta
from deeplift_tf.runs.early import check_early
from deeplift_tf.runs.engines import engine_of
from deeplift_tf.runs.formats import Formats
from deeplift_tf.runs.identity import HOW, files_in, identities
from deeplift_tf.runs.inputs import input_of
from deeplift_tf.runs.names import NAMES
from deeplift_tf.runs.output import Output, followed
from deeplift_tf.runs.request import COMPILED_FROM, Request
from deeplift_tf.runs.resumable import ResumableWriter
from deeplift_tf.runs.run import run
from deeplift_tf.runs.source import Shard, Source
from deeplift_tf.scoring.completeness import promised_by
from deeplift_tf.scoring.progress import bar, lines
from deeplift_tf.sequences.alphabet import Alphabet

if TYPE_CHECKING:
    from deeplift_tf.genomics import SequenceRows, VariantRows
    from deeplift_tf.runs.engines.ray import Workers

RAY = ("engine", "workers", "address", "gpus_per_worker", "cpus_per_worker")
OF_REGIONS = ("chromosomes", "exclude", "first", "sample")
OF_VARIANTS = ("alleles",)
NOT_OF_VARIANTS = ("formats", "compression", "names", "chrom_sizes", "null")
OF_DNA = (
    "chrom_sizes",
    "control",
    "length",
    "upper_case",
    "soft_masked_as_n",
    "alphabet",
    "null",
    "reverse_complement",
    "stranded",
    "formats",
    "compression",
    "names",
)


class Summary(NamedTuple):
    """What is said at the end of a run.

    `resumed` rows are those that an earlier run had done; `missed` those, of all, whose contributions miss the
    difference by more than 1 %, None where none is promised.
    """

    rows: int
    seconds: float
    largest_delta: float | None
    path: str
    resumed: int = 0
    skipped: int = 0
    missed: int | None = None

    def __str__(self) -> str:
        before = f", {self.resumed} of them by an earlier run," if self.resumed else ""
        skipped = f", {self.skipped} skipped" if self.skipped else ""
        delta = "no delta" if self.largest_delta is None else f"largest delta {self.largest_delta:.2g}"
        rate = f"{(self.rows - self.resumed) / self.seconds:.3g} rows/s"
        return f"{self.rows} rows{before} in {self.seconds:.1f} s ({rate}){skipped}, {delta}, {self.path}"


@click.command(cls=CommandInSections)
@models_option("Saved Keras model; given several times, as of several folds, the mean of all is scored.")
@click.option("-i", "--input", type=click.Path(path_type=Path), help=".npy, .npz or .h5; pictures; or FASTA.")
@click.option(
    "-o", "--out", required=True, type=click.Path(path_type=Path), help="Scores, an .h5 file; for DNA a folder."
)
@click.option(
    "--preprocess", help="Pictures, not arrays: 'unit' for 0 to 1, or a module of keras.applications, such as resnet50."
)
@click.option("--dataset", help="Array of the input file to score, where it holds several.")
@click.option(
    "--references",
    default="zeros",
    show_default=True,
    help=REFERENCES,
)
@click.option(
    "--seed", type=click.IntRange(min=0), default=0, show_default=True, help="For references that are drawn at random."
)
@click.option(
    "--method",
    default="deeplift",
    show_default=True,
    help=METHODS,
)
@click.option(
    "--target",
    metavar="TARGET",
    default="0",
    show_default=True,
    callback=parse_target,
    help="3; 3,0 for one position; 'predicted'; or 'counts' or 'profile' for the head of that name.",
)
@target_options
@click.option("--batch-size", type=click.IntRange(min=1), default=32, show_default=True)
@click.option(
    "--jit-compile/--no-jit-compile",
    default=None,
    help=f"Compile the arithmetic of activations by XLA, faster after some seconds, or not. "
    f"[default: from {COMPILED_FROM} batches on]",
)
@click.option("--hypothetical", is_flag=True, help="Write hypothetical contributions too.")
@click.option(
    "--letters-axis",
    type=int,
    default=-1,
    show_default=True,
    help="One-hot sequences: the axis of the model's input that holds the letters; that of rows is 0.",
)
@click.option(
    "--fold-spread", is_flag=True, help="Several models: write the standard deviation of each contribution over them."
)
@click.option("--multipliers", is_flag=True, help="Write the multipliers too.")
@click.option(
    "--on-error",
    type=click.Choice(["fail", "skip"]),
    default="fail",
    show_default=True,
    help="Rows that cannot be scored, NaN or an unreadable picture: end the run, or skip and list them.",
)
@click.option("--shard", metavar="I/N", callback=parse_shard, help="Score one of N parts, counted from 1; then merge.")
@click.option(
    "--engine", type=click.Choice(["local", "ray"]), default="local", show_default=True, help="This process, or Ray's."
)
@click.option("--workers", type=click.IntRange(min=1), default=1, show_default=True, help="Processes of Ray.")
@click.option("--address", help="Of a Ray cluster, 'auto' for that of this machine. By default one is started here.")
@click.option(
    "--gpus-per-worker",
    type=click.FloatRange(min=0),
    default=0,
    show_default=True,
    help="GPUs of each process of Ray; or a part of one.",
)
@click.option(
    "--cpus-per-worker",
    type=click.IntRange(min=1),
    help="Cores of each process of Ray.  [default: equal parts of this machine's]",
)
@click.option(
    "--resume/--no-resume",
    " /--restart",
    default=True,
    help="Go on with what an interrupted run of the same command has left, or start over.  [default: resume]",
)
@click.option("--overwrite", is_flag=True, help="Replace an output file that is there already.")
@click.option("--json", "as_json", is_flag=True, help="Print the summary as JSON.")
@click.option("--strict", is_flag=True, help="Exit with 1 where contributions miss the difference by more than 1 %.")
@click.option("-r", "--regions", type=click.Path(path_type=Path), help="Regions to score, BED or narrowPeak.")
@click.option(
    "--variants",
    type=click.Path(path_type=Path),
    help="VCF, or a table: alternative alleles, each scored against its reference allele.",
)
@click.option("--alleles", is_flag=True, help="Variants: score each allele by itself too, both against --references.")
@click.option("-g", "--genome", type=click.Path(path_type=Path), help="The genome of regions or variants, FASTA.")
@click.option("--null", is_flag=True, help="Score dinucleotide shuffles of the sequences instead, for thresholds.")
@click.option(
    "--chromosomes", metavar="A,B,...", default="", callback=parse_names, help="Regions of these alone: chr1,chr3."
)
@click.option("--exclude", type=click.Path(path_type=Path), help="No window that overlaps a region of this BED file.")
@click.option("--first", type=click.IntRange(min=1), help="The first N regions that can be scored.")
@click.option("--sample", type=click.IntRange(min=1), help="N of the regions, drawn at random by --seed.")
@click.option(
    "-c",
    "--chrom-sizes",
    type=click.Path(exists=True, path_type=Path),
    help="Lengths of chromosomes: the header of the bigWig.",
)
@click.option(
    "--targets",
    metavar="A,B,...",
    default="",
    callback=parse_targets,
    help="Several targets instead of one: 0,3 or counts,profile.",
)
@click.option(
    "--control",
    metavar="CONTROL",
    help="What the model's other inputs hold: zeros; A.bw,B.bw, one for each track; or arrays in an .npz file.",
)
@click.option("--length", type=click.IntRange(min=1), help="Length of the windows, where the model takes any.")
@click.option(
    "--soft-masked-as-n",
    is_flag=True,
    help="Read letters in lower case, which mark repeats, as N.  [default: bases]",
)
@click.option("--upper-case", is_flag=True, hidden=True)  # what --soft-masked-as-n is not; older scripts give it
@click.option(
    "--alphabet",
    metavar="LETTERS",
    default="dna",
    show_default=True,
    help="Sequences: dna, rna, protein, or the letters in the order of the model's channels.",
)
@click.option("--reverse-complement", is_flag=True, help="Mean over both strands.")
@click.option(
    "--stranded/--unstranded",
    default=None,
    help="Two channels of an output are the two strands, and change places on the reverse complement, or not.",
)
@click.option(
    "--formats",
    metavar="A,B,...",
    default=",".join(DEFAULTS),
    show_default=True,
    callback=parse_names,
    help="What is written besides scores.h5.",
)
@click.option(
    "--compression",
    type=click.Choice(COMPRESSIONS),
    default="gzip",
    show_default=True,
    help="Of chrombpnet's and bpnet's files; blosc, as they have it, takes hdf5plugin to write and to read.",
)
@click.option(
    "--names",
    type=click.Choice([*NAMES]),
    default="plain",
    show_default=True,
    help="chrombpnet: OUT.counts_scores.h5 and the like beside the folder OUT, as chrombpnet names them.",
)
@model_options
def score(
    out: Path,
    references: str,
    seed: int,
    shard: Shard,
    overwrite: bool,
    resume: bool,
    as_json: bool,
    strict: bool,
    **given: Any,
) -> None:
    """Score the rows of INPUT and write contributions, outputs, reference outputs and delta to an .h5 file.

    DNA, a FASTA file or regions of a genome, is scored into a folder: scores.h5, and the files that TF-MoDISco,
    chrombpnet's and bpnet's tools and genome browsers read.
    """
    check_arguments(given | {"references": references}, followed(out))
    check_used({**given, "references": references})
    request, config = request_in(given), config_in({**given, "seed": seed})
    input, output = input_of(config), Output(followed(out), config.is_sequences, overwrite, config.names)
    output.check()
    input.check()
    if config.is_sequences and not given["custom_objects"]:  # which may register formats
        Formats.of(config).look()
    check_early(request, config, references)
    if not Path(references).exists():
        import_tensorflow()  # quietly, before a name is looked up
    start = time.monotonic()
    with ExitStack() as stack:
        stack.enter_context(terminable())
        workers = workers_in(given)
        found = stack.enter_context(open_references(references, seed, config.letters_axis))
        network = opened(request.model)
        rows = stack.enter_context(input.open(network))
        request = request._replace(batch_size=batch_rows(request, network, rows.arrays))
        made = ready(found, network, config.preprocess)
        if given["alleles"] and isinstance(made, Mapping):
            raise click.UsageError("--alleles: expected --references that are a number or made of each sequence")
        if name_in(given["method"]) == "deep_shap":  # which compares every row to the whole background
            made = as_background(made, rows)
        matched = match_references(rows.references or made, Path(references), rows)
        skip = config.on_error == "skip" and not config.is_sequences  # the tools that read scores of DNA take no NaN
        source = Source(rows, matched, skip, made if given["alleles"] else None)
        part = shard.rows(rows.count, request.batch_size)
        request = request.of_rows(rows.count)
        if config.is_sequences:
            Formats.of(config).check(rows.arrays[rows.scored[0]])  # type: ignore[arg-type]
        engine = stack.enter_context(engine_of(request, network, workers, None if rows.held else matched.made))

        def check(done: int) -> None:
            left = slice(part.start + done, part.stop)
            matched.check_values(left)
            if not source.skip:
                rows.check_values(left)

        def complete(folder: Path) -> None:
            sequences: SequenceRows | VariantRows = rows.arrays[rows.scored[0]]  # type: ignore[assignment]
            sequences.warn()
            if shard.of == 1:  # else it is for `merge` to write them
                Formats.of(config).write(folder, request.labels, sequences)

        arguments = click.get_current_context().params | {"jit_compile": request.jit_compile}
        metadata = recorded(arguments) | {"rows": [part.start, part.stop, rows.count]}
        kept: ResumableWriter = stack.enter_context(output.open(len(part), metadata, complete, check, resume))
        resumed = kept.state.rows
        warnings.filterwarnings("ignore", "contributions miss the difference", DeepLiftWarning)  # of each batch
        run(source, engine, kept, part, request.batch_size, bar("scoring") if sys.stderr.isatty() else lines())
    seconds = time.monotonic() - start
    state = kept.state
    missed = state.missed.missed if state.missed.rows and promised_by(request.method) else None
    summary = Summary(len(part), seconds, state.largest, str(out), resumed, len(state.skipped), missed)
    say(json.dumps(summary._asdict()) if as_json else str(summary))
    say_missed(state.missed, request.method, network.approximate_layers, strict)


def is_dna(given: Mapping[str, Any]) -> bool:
    """Whether what is scored are sequences."""
    return given["input"] is None or is_fasta(given["input"])


def check_arguments(given: Mapping[str, Any], out: Path) -> None:
    """Refuse arguments that do not go together."""
    path, regions, genome = given["input"], given["regions"], given["genome"]
    if [path, regions, given["variants"]].count(None) != 2:
        raise click.UsageError(
            "give either what is scored, -i, or regions, -r, or --variants, the last two with their genome, -g"
        )
    if (path is None and genome is None) or (path is not None and genome is not None):
        raise click.UsageError("regions (-r) and a genome (-g) go together, and so do --variants and a genome")
    if given["variants"] is not None:
        check_variants(given)
    if given["jit_compile"] and given["method"] != "deeplift":
        raise click.UsageError(f"--jit-compile is for the method deeplift; received --method {given['method']}")
    if given["fold_spread"]:
        check_spread(given)
    unknown = [name for name in given["formats"] if name not in FORMATS]
    if unknown and not given["custom_objects"]:  # whose code may register formats of its own
        raise click.UsageError(f"--formats: {unknown[0]!r} is no format; choose from {', '.join(FORMATS)}")
    if is_dna(given):
        check_alphabet(given)
    if is_dna(given) and given["layers"]:
        raise click.UsageError("--layers: scores of DNA are those of the model's input")
    for name, files in files_in(given).items():
        for file in files:
            if out.resolve() in (file.resolve(), *file.resolve().parents):
                raise click.UsageError(f"the output would replace the {name.replace('_', '-')}: {file}")


def check_variants(given: Mapping[str, Any]) -> None:
    """Refuse what means nothing to variants."""
    source = click.get_current_context().get_parameter_source
    if source("references") is click.core.ParameterSource.COMMANDLINE and not given["alleles"]:
        raise click.UsageError(
            "--references: a variant's reference is its reference allele; with --alleles each allele is scored by "
            "itself too, against these"
        )
    for name in NOT_OF_VARIANTS:
        if source(name) is click.core.ParameterSource.COMMANDLINE:
            raise click.UsageError(f"--{name.replace('_', '-')} is for sequences and regions, not for --variants")
    if name_in(given["method"]) == "deep_shap":
        raise click.UsageError("--method deep-shap has a background; a variant has one reference, its reference allele")


def check_spread(given: Mapping[str, Any]) -> None:
    """Refuse a spread over models where there is one, or where their scores are not kept apart."""
    if len(given["model"]) < 2:
        raise click.UsageError("--fold-spread: expected several models, -m fold0.keras -m fold1.keras; received one")
    if given["layers"] or name_in(given["method"]) != "deeplift":
        raise click.UsageError("--fold-spread is for contributions of the inputs by the method deeplift")


def check_alphabet(given: Mapping[str, Any]) -> None:
    """Refuse what is for bases in the order A, C, G, T alone."""
    alphabet = Alphabet.of(given["alphabet"])
    if given["upper_case"] and given["soft_masked_as_n"]:
        raise click.UsageError("give either --upper-case or --soft-masked-as-n")
    if given["reverse_complement"] and not alphabet.complements_itself:
        raise click.UsageError(
            f"--reverse-complement: expected letters that are their own complements in reverse, as ACGT; received "
            f"--alphabet {alphabet}"
        )
    if name_in(given["references"]) == "gc_content" and alphabet.as_dna not in ("ACGT", "AGCT", "TGCA", "TCGA"):
        raise click.UsageError(f"--references gc-content: expected bases as ACGT; received --alphabet {alphabet}")
    asked = click.get_current_context().get_parameter_source("formats") is click.core.ParameterSource.COMMANDLINE
    others = [name for name in given["formats"] if name in FORMATS and not FORMATS[name].any_letters]
    if asked and others and alphabet.as_dna != "ACGT":
        raise click.UsageError(
            f"--formats {','.join(others)}: expected the letters ACGT; received --alphabet {alphabet}"
        )


def check_used(given: Mapping[str, Any]) -> None:
    """Refuse options that would be passed over in silence."""
    source = click.get_current_context().get_parameter_source
    if given["targets"] and source("target") is click.core.ParameterSource.COMMANDLINE:
        raise click.UsageError("give either --target or --targets")
    pictures = any(is_images(Path(each)) for each in (given["input"] or "", *named_files(given["references"])) if each)
    if given["preprocess"] and not pictures:
        raise click.UsageError(
            "--preprocess is for pictures; sequences and arrays are scored as they are: preprocess arrays before they "
            f"are saved, or give the pictures. Received {given['input'] or given['regions'] or given['variants']}"
        )
    parts = {
        "--engine ray": (RAY[1:], given["engine"] == "ray"),
        "arrays in a file": (("dataset",), not is_dna(given) and not is_images(given["input"])),
        "DNA, a FASTA file or regions": (OF_DNA, is_dna(given)),
        "regions of a genome, -r and -g": (OF_REGIONS, given["input"] is None),
        "variants": (OF_VARIANTS, given["variants"] is not None),
    }
    for what, (names, meant) in parts.items():
        for name in names:
            if not meant and source(name) is click.core.ParameterSource.COMMANDLINE:
                raise click.UsageError(f"--{name.replace('_', '-')} is for {what}")


def named_files(references: str) -> list[str]:
    """Return what may be files in references as they are written: mean:FILE or data=FILE."""
    return [part for part in re.split("[:,=]", references) if part]


def request_in(given: Mapping[str, Any]) -> Request:
    """Return what is asked of the model."""
    dna = is_dna(given)
    same = {name: given[name] for name in Request._fields if name in given and name not in ("model", "targets")}
    request = Request(saved_model(given["model"], given), given["targets"] or (given["target"],), **same)
    variants = given["variants"] is not None
    hypothetical = request.hypothetical or (dna and not variants)
    return request._replace(hypothetical=hypothetical, sequences=dna, variants=variants)


def config_in(given: Mapping[str, Any]) -> RunConfig:
    """Return which rows are scored, and what is written beside their scores."""
    same = {name: given[name] for name in FIELDS if name != "targets"}
    return RunConfig(targets=given["targets"] or (given["target"],), **same)


def workers_in(given: Mapping[str, Any]) -> Workers | None:
    """Return the workers of Ray; None for this process."""
    if given["engine"] != "ray":
        return None
    import_tensorflow()
    from deeplift_tf.runs.engines.ray import Workers, leave_gpus

    leave_gpus()
    return Workers(given["workers"], given["address"], given["gpus_per_worker"], given["cpus_per_worker"])


def noted(value: Any) -> Any:
    """Return a value of an option as JSON has it."""
    if isinstance(value, tuple) and value and all(isinstance(each, Path) for each in value):
        return [str(each) for each in value]
    return str(value) if isinstance(value, Path | Shard) else value


def recorded(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is noted of a run, as JSON values: arguments, the files that they name, and versions."""
    kept = {name: value for name, value in sorted(parameters.items()) if name not in HOW}
    arguments = {name: noted(value) for name, value in kept.items()}
    if len(arguments["model"]) == 1:
        (arguments["model"],) = arguments["model"]
    return {"arguments": arguments, "versions": versions(), "files": identities(arguments)}

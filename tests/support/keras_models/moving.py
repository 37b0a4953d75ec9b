"""Rows of layers that move, merge or leave units as they are."""

from __future__ import annotations

from typing import Any

from tests.support.keras_models.rows import FIRST, IMAGE, SEQUENCE, VECTOR, VOLUME, Row, Shape, row_of


def reshaping_rows() -> list[Row]:
    rows = [
        row_of("flatten", "Flatten", IMAGE),
        row_of("flatten_channels_first", "Flatten", (4, 3, 2), **FIRST),
        row_of("reshape", "Reshape", SEQUENCE, target_shape=(6, 6)),
        row_of("reshape_unknown", "Reshape", SEQUENCE, target_shape=(2, -1, 3)),
        row_of("permute", "Permute", (3, 4, 2), dims=(3, 1, 2)),
        row_of("repeatvector", "RepeatVector", VECTOR, n=3),
        row_of("zeropadding1d", "ZeroPadding1D", SEQUENCE, padding=(1, 3)),
        row_of("zeropadding2d", "ZeroPadding2D", IMAGE, padding=((1, 0), (2, 3))),
        row_of("zeropadding2d_channels_first", "ZeroPadding2D", IMAGE, padding=(1, 2), **FIRST),
        row_of("zeropadding3d", "ZeroPadding3D", VOLUME, padding=((1, 0), (0, 2), (1, 1))),
        row_of("cropping1d", "Cropping1D", SEQUENCE, cropping=(1, 3)),
        row_of("cropping2d", "Cropping2D", IMAGE, cropping=((1, 0), (2, 1))),
        row_of("cropping2d_channels_first", "Cropping2D", IMAGE, cropping=(1, 1), **FIRST),
        row_of("cropping3d", "Cropping3D", VOLUME, cropping=((1, 0), (0, 2), (1, 1))),
        row_of("upsampling1d", "UpSampling1D", (4, 3), size=3),
        row_of("upsampling2d", "UpSampling2D", (3, 2, 2), size=(2, 3)),
        row_of("upsampling2d_channels_first", "UpSampling2D", (3, 2, 2), size=2, **FIRST),
        row_of("upsampling3d", "UpSampling3D", (2, 3, 2, 2), size=(1, 2, 3)),
        row_of("centercrop", "CenterCrop", (7, 6, 2), height=4, width=3),
        row_of("centercrop_enlarging", "CenterCrop", (4, 5, 2), height=6, width=6),
        row_of("resizing_aspect_crop", "Resizing", (6, 4, 2), height=3, width=3, crop_to_aspect_ratio=True),
        row_of(
            "resizing_aspect_pad", "Resizing", (6, 4, 2), height=4, width=4, pad_to_aspect_ratio=True, fill_value=0.7
        ),
        row_of("resizing_antialias", "Resizing", (6, 4, 2), height=3, width=2, antialias=True),
    ]
    for how in ("bilinear", "bicubic"):
        rows.append(row_of(f"upsampling2d_{how}", "UpSampling2D", (3, 2, 2), size=(2, 3), interpolation=how))
    for how in ("nearest", "bilinear", "bicubic", "lanczos3"):
        rows.append(row_of(f"resizing_{how}", "Resizing", (5, 4, 2), height=3, width=7, interpolation=how))
    return rows


AUGMENTATION: dict[str, dict[str, Any]] = {
    "AugMix": {},
    "CutMix": {},
    "MixUp": {},
    "RandAugment": {},
    "RandomColorDegeneration": {"factor": 0.2},
    "RandomColorJitter": {},
    "RandomElasticTransform": {},
    "RandomErasing": {},
    "RandomGaussianBlur": {},
    "RandomGrayscale": {},
    "RandomHue": {"factor": 0.2},
    "RandomInvert": {},
    "RandomPerspective": {},
    "RandomPosterization": {"factor": 4},
    "RandomSaturation": {"factor": 0.2},
    "RandomSharpness": {"factor": 0.2},
    "RandomShear": {},
}


def identity_rows() -> list[Row]:
    table: list[tuple[str, Shape, dict[str, Any]]] = [
        ("Dropout", VECTOR, {"rate": 0.5}),
        ("AlphaDropout", VECTOR, {"rate": 0.5}),
        ("GaussianDropout", VECTOR, {"rate": 0.5}),
        ("SpatialDropout1D", SEQUENCE, {"rate": 0.5}),
        ("SpatialDropout2D", IMAGE, {"rate": 0.5}),
        ("SpatialDropout3D", VOLUME, {"rate": 0.5}),
        ("GaussianNoise", VECTOR, {"stddev": 1.0}),
        ("ActivityRegularization", VECTOR, {"l1": 0.1, "l2": 0.1}),
        ("Identity", VECTOR, {}),
        ("RandomFlip", IMAGE, {}),
        ("RandomRotation", IMAGE, {"factor": 0.2}),
        ("RandomZoom", IMAGE, {"height_factor": 0.2}),
        ("RandomTranslation", IMAGE, {"height_factor": 0.2, "width_factor": 0.2}),
        ("RandomContrast", IMAGE, {"factor": 0.2}),
        ("RandomBrightness", IMAGE, {"factor": 0.2}),
        *[(name, (5, 4, 3), options) for name, options in AUGMENTATION.items()],
    ]
    return [row_of(name.lower(), name, shape, "exact identity", **options) for name, shape, options in table]


def merging_rows() -> list[Row]:
    rows = []
    for name in ("Add", "Average", "Multiply", "Maximum", "Minimum"):
        tags = "exact max" if name.endswith("imum") else "exact"
        for count in (2, 3):
            rows.append(row_of(f"{name.lower()}_{count}", name, [VECTOR] * count, tags))
        rows.append(row_of(f"{name.lower()}_broadcast", name, [(3, 2, 4), (1, 1, 4)], tags))
    return [
        *rows,
        row_of("subtract", "Subtract", [VECTOR] * 2),
        row_of("subtract_broadcast", "Subtract", [(3, 4), (1, 4)]),
        row_of("concatenate", "Concatenate", [(3,), (5,), (2,)]),
        row_of("concatenate_axis_1", "Concatenate", [(3, 4), (2, 4)], axis=1),
        row_of("concatenate_axis_-2", "Concatenate", [(2, 3, 4), (2, 1, 4)], axis=-2),
        row_of("dot", "Dot", [(5,), (5,)], axes=1),
        row_of("dot_matrices", "Dot", [(3, 4), (4, 2)], axes=(2, 1)),
        row_of("dot_negative_axis", "Dot", [(3, 4), (2, 4)], axes=-1),
        row_of("dot_normalized", "Dot", [(5,), (5,)], "path", axes=1, normalize=True),
        row_of("dot_matrices_normalized", "Dot", [(3, 4), (2, 4)], "path", axes=2, normalize=True),
    ]

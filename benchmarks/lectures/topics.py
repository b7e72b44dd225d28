"""What the lectures are about: titles, bullets, pictures with findings. Dev and held-out share none."""

from __future__ import annotations

from dataclasses import dataclass

from .slides import Spot


@dataclass(frozen=True)
class Topic:
    """One subject. `pictures` are (picture name, caption, findings); `stack`, `loop` name moving ones."""

    title: str
    below: str
    bullets: tuple[str, ...]
    pictures: tuple[tuple[str, str, tuple[Spot, ...]], ...]
    stack: str = "head:1"
    loop: str = "sector:1"


TOPICS: dict[str, Topic] = {
    # Development set.
    "retina": Topic(
        "Diabetic retina",
        "Screening course, part one",
        (
            "Optic disc and cup",
            "Macula and fovea",
            "Vessels and crossings",
            "Haemorrhage or exudate",
            "Refer within two weeks",
        ),
        (
            (
                "skimage:retina",
                "Fundus of the left eye",
                (
                    ("optic disc", 0.13, 0.47, 0.07),
                    ("macula", 0.55, 0.5, 0.07),
                    ("upper arcade", 0.35, 0.25, 0.09),
                ),
            ),
            (
                "synth:angiogram:3",
                "Fluorescein phase",
                (("branching", 0.45, 0.3, 0.1), ("leakage", 0.65, 0.62, 0.08)),
            ),
        ),
        "warp:skimage:retina",
        "contrast:3",
    ),
    "kidney": Topic(
        "Renal biopsy",
        "How to read the section",
        ("Count the glomeruli", "Look at the tubules", "Grade the fibrosis", "Vessels come last"),
        (
            (
                "skimage:ihc",
                "Immunostain",
                (
                    ("brown gland", 0.3, 0.25, 0.13),
                    ("blue stroma", 0.55, 0.55, 0.08),
                    ("lumen", 0.6, 0.8, 0.06),
                ),
            ),
            ("synth:histology:11", "Routine stain", (("nuclei", 0.4, 0.4, 0.08), ("fibres", 0.7, 0.6, 0.1))),
        ),
        "abdomen:2",
        "sector:2",
    ),
    "liver": Topic(
        "Liver lesions",
        "Imaging in three phases",
        (
            "Arterial phase first",
            "Wash-out in the venous phase",
            "Delayed uptake",
            "Compare with old studies",
        ),
        (
            (
                "dicom:examples_overlay",
                "Venous phase",
                (("cyst", 0.31, 0.33, 0.05), ("kidney", 0.3, 0.68, 0.06), ("spleen", 0.72, 0.38, 0.07)),
            ),
            (
                "dicom:CT_small",
                "Spine at the same level",
                (("vertebral body", 0.5, 0.4, 0.15), ("canal", 0.5, 0.6, 0.1)),
            ),
        ),
        "abdomen:5",
        "sector:5",
    ),
    "chest": Topic(
        "The chest film",
        "A system for every night",
        (
            "Name, date and side",
            "Airway and bones",
            "Heart and hilum",
            "Lungs, top to bottom",
            "Below the diaphragm",
        ),
        (
            (
                "synth:xray:2",
                "Posterior view",
                (
                    ("nodule", 0.33, 0.45, 0.05),
                    ("heart border", 0.66, 0.62, 0.07),
                    ("right base", 0.32, 0.66, 0.08),
                ),
            ),
            (
                "synth:xray:7",
                "Two weeks later",
                (("nodule", 0.36, 0.43, 0.05), ("left apex", 0.66, 0.25, 0.07)),
            ),
        ),
        "warp:synth:xray:2",
        "contrast:9",
    ),
    "skin": Topic(
        "Pigmented lesions",
        "The seven point list",
        ("Asymmetry", "Border", "Colour", "Diameter over six millimetres", "Evolution"),
        (
            ("synth:skin:4", "Trunk", (("border", 0.38, 0.35, 0.06), ("dark area", 0.52, 0.5, 0.07))),
            ("synth:skin:9", "Forearm", (("satellite", 0.7, 0.4, 0.05), ("regular edge", 0.45, 0.65, 0.06))),
        ),
        "warp:synth:skin:4",
        "sector:8",
    ),
    "skull": Topic(
        "Head injury",
        "When to scan",
        (
            "Loss of consciousness",
            "Vomiting more than twice",
            "Bone window first",
            "Then the soft tissue",
            "Check the base",
        ),
        (
            (
                "dicom:693_J2KI",
                "Bone window",
                (("frontal bone", 0.48, 0.22, 0.06), ("inner table", 0.7, 0.45, 0.05)),
            ),
            (
                "skimage:cell",
                "Cell in phase contrast",
                (("bright halo", 0.8, 0.57, 0.08), ("background", 0.4, 0.3, 0.08)),
            ),
        ),
        "head:3",
        "contrast:5",
    ),
    "blood": Topic(
        "Reading a smear",
        "Ten fields at high power",
        (
            "Size of the red cells",
            "Central pallor",
            "White cells: lobes",
            "Platelets: clumps",
            "Report what you see",
        ),
        (
            (
                "synth:blood:5",
                "Feathered edge",
                (("neutrophil", 0.4, 0.4, 0.06), ("normal cell", 0.6, 0.6, 0.05)),
            ),
            (
                "synth:blood:8",
                "Thick area",
                (("overlap", 0.35, 0.55, 0.07), ("lobed nucleus", 0.65, 0.35, 0.06)),
            ),
        ),
        "warp:synth:blood:5",
        "sector:4",
    ),
    "coins": Topic(
        "Measuring objects",
        "Calibration for beginners",
        ("Flat illumination", "Threshold", "Label each object", "Report the area"),
        (
            (
                "skimage:coins",
                "Greek coins",
                (
                    ("first coin", 0.12, 0.17, 0.06),
                    ("worn coin", 0.72, 0.75, 0.06),
                    ("large coin", 0.92, 0.13, 0.06),
                ),
            ),
            ("skimage:camera", "A photograph", (("camera", 0.55, 0.25, 0.06), ("tower", 0.87, 0.42, 0.05))),
        ),
        "warp:skimage:coins",
        "contrast:2",
    ),
    # Held-out set.
    "heart": Topic(
        "Echo basics",
        "Four chambers in ten minutes",
        ("Parasternal window", "Apical window", "Ejection fraction", "Valves and jets", "Store the loops"),
        (
            (
                "dicom:examples_ybr_color",
                "Apical four chambers",
                (("septum", 0.42, 0.45, 0.05), ("apex", 0.47, 0.2, 0.06), ("mitral plane", 0.5, 0.66, 0.07)),
            ),
            (
                "dicom:examples_rgb_color",
                "Power Doppler",
                (("hilum", 0.35, 0.45, 0.07), ("far branch", 0.68, 0.46, 0.06)),
            ),
        ),
        "warp:dicom:examples_ybr_color",
        "echo:0",
    ),
    "lesions": Topic(
        "Small vessel disease",
        "Clinic of the eye",
        ("Dots, not blots", "Count per quadrant", "Follow the vessel", "Photograph every visit"),
        (
            (
                "skimage:microaneurysms",
                "Posterior pole",
                (("first dot", 0.22, 0.23, 0.06), ("second dot", 0.6, 0.72, 0.06)),
            ),
            (
                "synth:angiogram:14",
                "Late phase",
                (("stenosis", 0.5, 0.25, 0.07), ("periphery", 0.25, 0.75, 0.09)),
            ),
        ),
        "warp:skimage:microaneurysms",
        "contrast:14",
    ),
    "bone": Topic(
        "Whole body scan",
        "Tracer, time and traps",
        (
            "Inject and wait three hours",
            "Anterior and posterior",
            "Bladder is normal",
            "Old fractures stay warm",
        ),
        (
            ("dicom:JPEG2000", "Anterior view", (("skull", 0.5, 0.06, 0.2), ("bladder", 0.5, 0.45, 0.2))),
            (
                "dicom:J2K_pixelrep_mismatch",
                "Skull base",
                (("petrous bone", 0.3, 0.58, 0.07), ("orbit", 0.4, 0.2, 0.07)),
            ),
        ),
        "head:12",
        "sector:12",
    ),
    "tumour": Topic(
        "Tumour grading",
        "Slide seminar",
        ("Architecture", "Mitoses in ten fields", "Necrosis", "Margins", "Add the score"),
        (
            (
                "synth:histology:23",
                "Low power",
                (("dense area", 0.3, 0.6, 0.09), ("vessel", 0.68, 0.3, 0.06)),
            ),
            (
                "synth:histology:31",
                "Other block",
                (("mitosis", 0.5, 0.45, 0.05), ("stroma", 0.75, 0.7, 0.09)),
            ),
        ),
        "abdomen:17",
        "sector:13",
    ),
    "lung": Topic(
        "Nodules on film",
        "Follow up or not",
        (
            "Size in millimetres",
            "Edge: smooth or spiky",
            "Calcium is a friend",
            "Old films first",
            "Multidisciplinary round",
        ),
        (
            ("synth:xray:19", "Today", (("nodule", 0.34, 0.42, 0.05), ("left hilum", 0.6, 0.48, 0.06))),
            (
                "synth:xray:27",
                "Last year",
                (("same place", 0.32, 0.44, 0.05), ("right base", 0.33, 0.68, 0.08)),
            ),
        ),
        "warp:synth:xray:19",
        "contrast:21",
    ),
    "space": Topic(
        "Counting faint things",
        "Lessons for microscopists",
        ("Background first", "Detect, then measure", "Beware of the edge", "Count twice"),
        (
            (
                "skimage:hubble_deep_field",
                "Deep field",
                (("spiral", 0.2, 0.62, 0.05), ("red object", 0.62, 0.33, 0.05)),
            ),
            ("skimage:moon", "Low contrast", (("crater", 0.17, 0.08, 0.08), ("dark patch", 0.58, 0.7, 0.08))),
        ),
        "warp:skimage:moon",
        "sector:15",
    ),
    "marrow": Topic(
        "Marrow aspirate",
        "What the count means",
        ("Cellularity", "Ratio of lines", "Blasts in percent", "Iron stain"),
        (
            (
                "synth:blood:41",
                "Particle",
                (("megakaryocyte", 0.45, 0.5, 0.07), ("red line", 0.7, 0.3, 0.06)),
            ),
            ("synth:blood:46", "Trail", (("blast", 0.3, 0.35, 0.05), ("smudge", 0.6, 0.7, 0.06))),
        ),
        "warp:synth:blood:41",
        "contrast:33",
    ),
    "phantom": Topic(
        "Quality control",
        "Phantoms every month",
        ("Uniformity", "Low contrast", "Spatial resolution", "Artefacts", "Sign the log"),
        (
            (
                "skimage:phantom",
                "Head phantom",
                (("ventricle", 0.38, 0.45, 0.07), ("small discs", 0.5, 0.8, 0.06)),
            ),
            ("skimage:brick", "Distortion", (("joint", 0.5, 0.5, 0.06), ("corner", 0.1, 0.1, 0.06))),
        ),
        "head:21",
        "sector:21",
    ),
}
"""Topics by name; the first eight are the development set's."""

POINTING = (
    "Please look at the {label}.",
    "Notice the {label} in this picture.",
    "Here you see the {label} quite well.",
    "The {label} is what I want to show you.",
    "Compare this with the {label} over here.",
    "And this is the {label}, which is easy to miss.",
    "Now follow me to the {label}.",
)
READING = (
    "The next point is {label}.",
    "{label}, this is where most mistakes happen.",
    "Let me say a word about {label}.",
    "Do not forget {label}.",
    "We start with {label}, as always.",
)
FILLER = (
    "In most patients this is harmless, but you have to prove it.",
    "We see about forty of these every year in our department.",
    "I will come back to this at the end of the talk.",
    "Take a moment and think about what you would do.",
    "The textbook says otherwise, and the textbook is wrong here.",
    "This matters because the treatment is different.",
    "Keep this in mind for the next case.",
)

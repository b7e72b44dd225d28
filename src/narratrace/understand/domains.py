"""The twelve imaging domains, and the words that describe them to a text-image model."""

from __future__ import annotations

from collections.abc import Mapping

DOMAIN_PROMPTS: Mapping[str, tuple[str, ...]] = {
    "CT": (
        "a computed tomography scan",
        "an axial CT slice of the abdomen",
        "a CT scan of the head",
        "a chest CT in lung window",
    ),
    "MRI": (
        "a magnetic resonance image",
        "a sagittal T1-weighted MRI of the brain",
        "a T2-weighted MRI slice of the spine",
        "an MRI of a joint",
    ),
    "X-ray": (
        "a radiograph",
        "a chest X-ray",
        "an X-ray of a bone fracture",
        "an angiogram or fluoroscopy image",
    ),
    "Ultrasound": (
        "an ultrasound image",
        "a sonogram of the abdomen",
        "an echocardiogram",
        "a Doppler ultrasound with a colour overlay",
    ),
    "Mammography": (
        "a mammogram",
        "a mediolateral oblique mammography view of the breast",
        "a breast tomosynthesis slice",
    ),
    "Histopathology": (
        "a histopathology slide",
        "a haematoxylin and eosin stained tissue section",
        "a microscopy image of tissue with immunohistochemistry staining",
        "a cytology smear under the microscope",
    ),
    "Dermatology": (
        "a clinical photograph of a skin lesion",
        "a dermoscopy image",
        "a photograph of a rash on the skin",
    ),
    "Ophthalmology": (
        "a retinal fundus photograph",
        "an optical coherence tomography scan of the retina",
        "a slit lamp photograph of an eye",
        "a fluorescein angiogram of the retina",
    ),
    "Endoscopy": (
        "an endoscopy image",
        "a colonoscopy view of a polyp",
        "a bronchoscopy image of the airway",
        "a gastroscopy image of the stomach wall",
    ),
    "Surgery": (
        "a photograph of open surgery",
        "a laparoscopic view with surgical instruments",
        "a surgical field with exposed tissue",
    ),
    "Dentistry": (
        "a dental photograph of teeth and gums",
        "an intraoral photograph",
        "a panoramic dental radiograph",
    ),
    "Illustration": (
        "an anatomical illustration",
        "a drawing of an organ from a medical textbook",
        "a labelled diagram of human anatomy",
        "a photograph of a gross pathology specimen",
    ),
}
"""Phrases by domain; the keys are what :attr:`FrameLabel.domains` and the samples carry. The domains are our
reading of the twelve that the MedicalNarratives paper covers (recalled, not quoted)."""

OTHER_PROMPTS: Mapping[str, tuple[str, ...]] = {
    "person": (
        "a person talking to the camera",
        "a webcam picture of a lecturer",
        "an audience in a lecture hall",
    ),
    "text": (
        "a presentation slide with only text",
        "a title slide",
        "a list of bullet points",
        "a page of text",
    ),
    "chart": ("a bar chart", "a line plot", "a table of numbers", "a flow chart"),
    "screen": ("a screenshot of a desktop", "a web page", "a window of a computer program", "a file dialog"),
    "scene": (
        "a photograph of a landscape",
        "a photograph of a building",
        "a photograph of everyday objects",
    ),
    "blank": ("a blank screen", "a black picture", "a logo on a plain background"),
}
"""What else screen recordings show: the classes a medical picture has to win against."""

TEMPLATES = ("{}", "this is a photo of {}", "a presentation slide showing {}", "{} in a screen recording")
"""Sentences around the phrases, the second BiomedCLIP's own; their embeddings are averaged (CLIP paper)."""

DOMAINS = tuple(DOMAIN_PROMPTS)
"""Names of the twelve domains."""

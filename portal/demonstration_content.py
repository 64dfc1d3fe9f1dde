"""What the demonstration's namespaces say, and who is in them."""

from __future__ import annotations

from dataclasses import dataclass

from localcluster.people import ALEX, BEN, FAHIM, HOU_I, MAYA, OLGA, DemoPerson
from namespaces.access import Role
from namespaces.actions.namespaces import Page, PublicationEntry

_UCSC = "UC Santa Cruz"
_UCM = "UC Merced"
_OU = "University of Oklahoma"


@dataclass(frozen=True)
class DemoNamespace:
    """One namespace: its page, and its members beside or instead of the operator who creates it."""

    name: str
    page: Page
    members: tuple[tuple[DemoPerson, Role], ...] = ()

    @property
    def operator_stays(self) -> bool:
        """Whether the operator remains its admin: nobody else is one."""
        return all(role != Role.ADMIN or person == OLGA for person, role in self.members)


NAMESPACES = (
    DemoNamespace(
        "avis-citizenscience",
        Page(
            title="AVIS: citizen science",
            description=(
                "A platform for mobile citizen science apps with client-side machine learning. Volunteers photograph "
                "what they see; a model on the phone names it, and the cluster trains the next one from what they sent."
            ),
            pi_name="Alex Pang",
            institution=_UCSC,
            field="Computer science",
            software=("Python", "Tensorflow"),
            publications=(PublicationEntry("Training on the cluster, deciding on the phone", "", 2025),),
        ),
        ((ALEX, Role.ADMIN), (FAHIM, Role.ADMIN), (HOU_I, Role.VIEWER)),
    ),
    DemoNamespace(
        "avis-fire",
        Page(
            title="AVIS: wildfire",
            description=(
                "Wildfire analysis: where a fire started, how it spread and where its smoke went, from camera "
                "and satellite images. Jobs run over night on last day's images; notebooks look at what they found."
            ),
            pi_name="Alex Pang",
            institution=_UCSC,
            field="Environmental science",
            software=("Python",),
            publications=(PublicationEntry("Smoke plumes in mountain-top camera images", "", 2024),),
        ),
        ((ALEX, Role.ADMIN), (HOU_I, Role.ADMIN)),
    ),
    DemoNamespace(
        "avis-rip",
        Page(
            title="AVIS: rip currents",
            description="Finding rip currents in beach videos, so that lifeguards are warned before somebody swims.",
            pi_name="Alex Pang",
            institution=_UCSC,
            field="Computer science",
            software=("Tensorflow", "Python"),
        ),
        ((ALEX, Role.ADMIN), (FAHIM, Role.EDITOR)),
    ),
    DemoNamespace(
        "creativecoding-forbes-lab",
        Page(
            title="Creative coding",
            description="Generative graphics and sound: student pieces that need a GPU for a night.",
            institution=_UCSC,
            field="Digital arts",
            software=("Python", "openFrameworks"),
        ),
    ),
    DemoNamespace(
        "gandalf",
        Page(
            description="Galaxy formation in many small runs; each keeps one summary and throws its snapshots away.",
            institution=_UCSC,
            field="Astronomy",
            software=("C++", "MPI"),
        ),
    ),
    DemoNamespace(
        "jlab-nlp",
        Page(
            title="Language laboratory",
            description="Dialogue corpora and the models trained on them, with weekly evaluation runs.",
            pi_name="Alex Pang",
            institution=_UCSC,
            field="Linguistics",
            software=("Python", "PyTorch"),
        ),
        ((ALEX, Role.ADMIN), (HOU_I, Role.EDITOR)),
    ),
    DemoNamespace("ntpp", Page(institution=_UCSC, field="Physics")),
    DemoNamespace(
        "oulib",
        Page(
            title="Digital scholarship at the library",
            description="Text recognition over scanned collections, and notebooks to search what was found.",
            institution=_OU,
            field="Digital humanities",
            software=("Python", "Tesseract"),
        ),
        ((OLGA, Role.ADMIN), (BEN, Role.EDITOR)),
    ),
    DemoNamespace(
        "real-ucsc",
        Page(
            title="Remote sensing and agriculture",
            description="Crop water stress from drone flights: maps in the morning, irrigation advice at noon.",
            institution=_UCSC,
            field="Agricultural science",
            software=("Python", "GDAL"),
        ),
        ((OLGA, Role.ADMIN), (FAHIM, Role.VIEWER)),
    ),
    DemoNamespace(
        "scipp",
        Page(
            title="Particle physics",
            description="Detector simulation and the fits that follow it, in bursts before each meeting.",
            institution=_UCSC,
            field="Physics",
            software=("ROOT", "Python", "Geant4"),
        ),
    ),
    DemoNamespace(
        "sindilabmerced",
        Page(
            title="Sindi laboratory",
            description="Molecular dynamics of clotting: long runs in series, restarted from checkpoints.",
            pi_name="Maya Torres",
            institution=_UCM,
            field="Applied mathematics",
            software=("LAMMPS", "Python"),
        ),
        ((MAYA, Role.ADMIN),),
    ),
    DemoNamespace(
        "spencerlabucmerced",
        Page(
            description="Eye movements while reading: a small model per reader, thousands of readers.",
            pi_name="Maya Torres",
            institution=_UCM,
            field="Cognitive science",
            software=("R", "Stan"),
        ),
        ((MAYA, Role.ADMIN), (BEN, Role.VIEWER)),
    ),
    DemoNamespace(
        "tech4good",
        Page(
            title="Tech for good",
            description="Student teams build tools with community organisations; staging sites and nightly data jobs.",
            pi_name="Alex Pang",
            institution=_UCSC,
            field="Computer science",
            software=("Python", "PostgreSQL", "Node.js"),
        ),
        ((ALEX, Role.ADMIN), (FAHIM, Role.EDITOR), (HOU_I, Role.EDITOR)),
    ),
)

TERMS = (
    "The cluster is there for research and teaching. Use it for that, and for nothing that harms others.\n\n"
    "Your login is yours alone: nobody else works with it, and you work with nobody else's. Tell the operators when "
    "you think that somebody does.\n\n"
    "What you start, you look after. Ask for what you need, and give back what you do not use: others wait for it.\n\n"
    "Keep data about people only where its owner allows it. The operators can see what runs here, and write down who "
    "decided what.\n\n"
    "When you leave your institution, say so to the admins of your namespaces, or link the identity of the next one."
)

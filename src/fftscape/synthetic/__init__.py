"""Images whose answer is known: lattices, textures, regions, light and noise, with the truth beside the picture."""

from fftscape.synthetic.kinds import SCENE_KINDS
from fftscape.synthetic.lattices import Lattice, fcc_gold, hcp_gold, render_lattice
from fftscape.synthetic.scenes import Scene, crystal_scene, demo_scene

__all__ = [
    "SCENE_KINDS",
    "Lattice",
    "Scene",
    "crystal_scene",
    "demo_scene",
    "fcc_gold",
    "hcp_gold",
    "render_lattice",
]

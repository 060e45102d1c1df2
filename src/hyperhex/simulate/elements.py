"""Elements of which materials are made, with the nucleus that hadrons meet in them."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["ELEMENTS", "Element"]


@dataclass(frozen=True)
class Element:
    """An element: charge, molar mass, and its mean excitation energy as part of a solid.

    Excitation energies: ICRU 37 (1984), table 5.1, for constituents of liquid and solid compounds.
    `nucleus` is the mass number, among those whose cross-sections PythiaCascade tabulates, that
    stands for the element.
    """

    symbol: str
    Z: int
    A: float  # [g/mol]
    excitation: float  # [GeV]
    nucleus: int

    @property
    def nuclear_loss(self) -> float:
        """Mean energy that a nucleus keeps of an inelastic collision [GeV].

        Binding energy of the nucleons that leave, and what the nucleus evaporates, which the
        generator does not model and silicon hardly sees. 0.25 GeV (A/208)^1.5, together with
        the neutrons that are too slow for the generator, hides the shares of the energy that is not
        electromagnetic that Wigmans gives (Calorimetry, 2nd ed., table 2.5, with the neutrons of
        evaporation): a quarter in iron and four tenths in lead.
        """
        return 0.0 if self.Z == 1 else 0.25 * (self.A / 208.0) ** 1.5


ELEMENTS = {
    element.symbol: element
    for element in (
        Element("H", 1, 1.00794, 19.2e-9, 1),
        Element("C", 6, 12.0107, 81.0e-9, 12),
        Element("N", 7, 14.0067, 82.0e-9, 14),
        Element("O", 8, 15.9994, 106.0e-9, 16),
        Element("Al", 13, 26.9815, 187.6e-9, 27),
        Element("Si", 14, 28.0855, 195.5e-9, 28),
        Element("Ar", 18, 39.948, 188.0e-9, 40),
        Element("Cr", 24, 51.9961, 257.0e-9, 56),
        Element("Mn", 25, 54.9380, 272.0e-9, 56),
        Element("Fe", 26, 55.845, 286.0e-9, 56),
        Element("Ni", 28, 58.6934, 311.0e-9, 56),
        Element("Cu", 29, 63.546, 322.0e-9, 63),
        Element("Br", 35, 79.904, 387.6e-9, 84),
        Element("W", 74, 183.84, 727.0e-9, 197),
        Element("Pb", 82, 207.2, 823.0e-9, 208),
    )
}

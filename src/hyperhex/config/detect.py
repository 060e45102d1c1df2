"""The section of the detection: calorimeter, tracker, objects, region."""

from __future__ import annotations

from pydantic import Field, model_validator

from hyperhex.config.section import Count, Fraction, Name, Positive, Section

__all__ = [
    "Calorimeter",
    "Candidates",
    "Detect",
    "Image",
    "Jets",
    "Region",
    "Resolution",
    "Tracker",
]


class Region(Section):
    """Selection of events in which the search takes place."""

    name: Name = "ht400_met150"
    ht: float = Field(default=400.0, ge=0, description="least scalar sum of jet pT [GeV]")
    ht_max: float | None = Field(default=None, description="most scalar sum of jet pT [GeV]")
    met: float = Field(default=150.0, ge=0, description="least missing transverse energy [GeV]")
    met_max: float | None = Field(default=None, description="most missing transverse energy [GeV]")
    min_dphi: float = Field(
        default=0.4,
        ge=0,
        lt=3.1416,
        description="least angle of the leading jets to the missing energy [rad]",
    )
    dphi_jets: int = Field(
        default=3, ge=1, le=20, description="leading jets that min_dphi is about, at most all slots"
    )

    @model_validator(mode="after")
    def _check(self) -> Region:
        for name, least, most in (
            ("ht", self.ht, self.ht_max),
            ("met", self.met, self.met_max),
        ):
            if most is not None and most <= least:
                msg = f"{name}_max above {name}; {name}={least}, {name}_max={most} keep no event"
                raise ValueError(msg)
        return self


class Resolution(Section):
    """Energy resolution sigma/E = stochastic / sqrt(E) (+) constant, E in GeV."""

    stochastic: float = Field(ge=0, description="[sqrt(GeV)]")
    constant: float = Field(ge=0, lt=1)


class Calorimeter(Section):
    """Hexagonal cells in (eta, phi), the towers that jets are made of, and their response."""

    cells_around: int = Field(
        default=720,
        ge=60,
        le=2000,
        description="cells around in phi; each is one cell of the showers' patch",
    )
    towers_around: int = Field(default=72, ge=12, le=360, description="towers around in phi")
    eta_max: float = Field(default=4.9, ge=1, le=5, description="end of the calorimeter")
    noise: float = Field(default=0.010, gt=0, description="noise of a cell, all layers, rms [GeV]")
    threshold: float = Field(
        default=0.040, gt=0, description="least energy of a cell that is read out [GeV]"
    )
    electromagnetic: Resolution = Resolution(stochastic=0.20, constant=0.01)
    hadronic: Resolution = Resolution(stochastic=0.80, constant=0.05)
    forward: Resolution = Resolution(stochastic=1.00, constant=0.10)
    forward_eta: Positive = Field(default=3.2, description="where the forward part begins")
    position: float = Field(
        default=0.02, ge=0, description="spread of a hadron's shower in eta and in phi [rad]"
    )


class Tracker(Section):
    """Charged particles: sigma(pT)/pT = constant (+) slope * pT, pT in GeV."""

    eta_max: Positive = 2.5
    efficiency: Fraction = 0.95
    separated: Fraction = Field(
        default=0.4,
        description="share of tracked hadrons whose deposit is told apart: the track replaces it",
    )
    constant: float = Field(default=0.010, ge=0, lt=1)
    slope: float = Field(default=2.0e-4, ge=0, lt=1, description="[1/GeV]")
    loopers: float = Field(
        default=0.4, ge=0, description="pT below which a charged hadron is lost in the field [GeV]"
    )


class Jets(Section):
    """Anti-kT jets, their calibration and their b-tags."""

    radius: Positive = 0.4
    pt: Positive = Field(default=20.0, description="least calibrated pT [GeV]")
    eta: Positive = Field(default=2.8, description="largest |eta|")
    response: tuple[Positive, float] = Field(
        default=(0.998, 0.33),
        description="(a, b): jets measure a - b/pT of their true pT, pT in GeV",
    )
    tag_b: Fraction = Field(default=0.72, description="chance that a b-jet is tagged")
    tag_c: Fraction = Field(default=0.12, description="chance that a c-jet is tagged")
    tag_light: Fraction = Field(default=0.01, description="chance that any other jet is tagged")
    tag_cone: Positive = Field(default=0.3, description="dR of a jet to its B or C hadron")
    tag_eta: Positive = Field(default=2.5, description="largest |eta| of a tagged jet")


class Candidates(Section):
    """Isolated electrons, muons or photons."""

    pt: Positive = Field(description="least pT [GeV]")
    eta: Positive = Field(description="largest |eta|")
    efficiency: Fraction = Field(description="chance to be identified, |eta| < 1.5")
    efficiency_outer: Fraction = Field(description="chance to be identified, |eta| > 1.5")
    isolation: Positive = Field(default=0.15, description="most other pT in the cone, relative")
    cone: Positive = Field(default=0.3, description="dR of the isolation cone")


class Image(Section):
    """Hexagonal image of an event in (eta, phi)."""

    around: int = Field(default=20, ge=6, le=72, description="cells around in phi")
    eta_max: float = Field(default=3.0, gt=0, le=5)


class Detect(Section):
    """Detection and reconstruction of generated events."""

    events_per_part: Count = Field(default=1000, description="events of one shard")
    network_energy: float = Field(
        default=5.0,
        ge=1,
        le=100,
        description="least energy that the network draws; softer ones are parametrised [GeV]",
    )
    network_energy_max: float = Field(
        default=100.0,
        ge=1,
        description="showers of higher energy are scaled up from this energy [GeV]",
    )
    network_eta: float = Field(default=3.0, gt=0, le=5, description="largest |eta| of the network")
    calorimeter: Calorimeter = Calorimeter()
    tracker: Tracker = Tracker()
    jets: Jets = Jets()
    electrons: Candidates = Candidates(pt=15, eta=2.7, efficiency=0.95, efficiency_outer=0.85)
    muons: Candidates = Candidates(pt=15, eta=2.5, efficiency=0.95, efficiency_outer=0.90)
    photons: Candidates = Candidates(pt=20, eta=2.37, efficiency=0.95, efficiency_outer=0.85)
    image: Image = Image()
    region: Region = Region()

    @model_validator(mode="after")
    def _check(self) -> Detect:
        if self.network_energy > self.network_energy_max:
            msg = f"network_energy up to network_energy_max; {self.network_energy} is above it"
            raise ValueError(msg)
        return self

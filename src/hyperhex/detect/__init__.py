"""From generated particles to event records through fast simulation and refinement."""

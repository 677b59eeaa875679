"""Recovery: after each fault, how long until it was noticed, and until work flowed again."""
from reports.document import Section
from reports.material import Material
def recovery(material: Material) -> Section:
    return Section("recovery","Recovery","todo",())

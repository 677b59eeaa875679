"""x"""
from reports.document import Section
from reports.material import Material
def ledger(material: Material) -> Section:
    return Section("ledger","Loss ledger","todo",())

"""x"""
import pandas as pd
def served(material):
    return pd.DataFrame({"queue":[], "priority":[], "due_s":[], "latency_ms":[], "phase":[], "blocked":[]})

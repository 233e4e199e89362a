"""What README and docs show is what the door takes: their TOML is read, and a Spanish export goes through it."""

import re
from datetime import UTC, datetime
from pathlib import Path

import pytest

from leadlight.agreement.fit import goal_problem
from leadlight.agreement.terms import parse as parse_agreement
from leadlight.core.mapping import parse as parse_mapping
from leadlight.core.source import read_history

ROOT = Path(__file__).parents[2]
BLOCKS = [
    pytest.param(text, id=f"{page}-{place}")
    for page in ("README.md", "docs/dataset-toml.md")
    for place, text in enumerate(re.findall(r"```toml\n(.*?)```", (ROOT / page).read_text(), re.DOTALL))
]


@pytest.mark.parametrize("text", BLOCKS)
def test_every_toml_that_is_shown_can_be_read(text):
    read = parse_agreement if "[conversion]" in text else parse_mapping
    assert read(text)


def test_the_spanish_export_of_readme_is_read_by_the_mapping_of_readme(tmp_path):
    (mapping,) = [block.values[0] for block in BLOCKS if "contactos.csv" in block.values[0]]
    files = {
        "contactos.csv": "Record ID;Nombre;ID de empresa;Propietario del contacto;Fecha de creación;Índice de ajuste\n"
        "1;Núria;7;José Núñez;30/06/2024 18:30;12,5\n2;Íñigo;7;Ana Peña;15/01/2024 09:00;7\n",
        "actividades.csv": "Contacto;Fecha de actividad;Tipo de actividad\n1;01/07/2024 10:00;Llamada\n",
        "etapas.csv": "Contacto;Fecha de cambio;Etapa del negocio\n1;02/07/2024 10:00;Closed Won\n",
    }
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="cp1252")
    (tmp_path / "dataset.toml").write_text(mapping, encoding="utf-8")
    history = read_history(tmp_path, now=datetime(2025, 1, 1, tzinfo=UTC))
    assert history.leads["created_at"].dt.hour.tolist() == [16, 8]  # summer and winter in Madrid
    assert history.leads["indice_de_ajuste"].tolist() == [12.5, 7.0]
    assert [attribute.name for attribute in history.attributes] == ["indice_de_ajuste"]
    assert history.stage_changes["stage"].tolist() == ["customer"]
    assert history.doers == {"Llamada": "rep"}
    assert goal_problem(parse_agreement(""), history) is None

"""The proof of secrets uses every secret field: a new one cannot be forgotten."""

from pathlib import Path

from tests import sentinels
from tests.journeys import test_secrets


def test_the_proof_plants_a_sentinel_in_every_secret_field() -> None:
    source = Path(str(test_secrets.__file__)).read_text()
    fields = sentinels.secret_fields()
    assert len(fields) > 20
    assert [each for each in sorted(fields) if f'"{each}"' not in source] == []

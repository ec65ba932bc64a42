"""The step that takes the champion, as a pipeline component."""

from typing import NamedTuple

from kfp import dsl
from kfp.dsl import Model, Output

from components.image import IMAGE


@dsl.component(base_image=IMAGE, install_kfp_package=False)
def take_champion(
    dataset: str,
    store: str,
    champion: int,
    work: str,
    revision: str,
    champion_members: Output[Model],
) -> NamedTuple("Taken", [("generations", str), ("old_until", str)]):  # type: ignore[valid-type]
    """Takes the champion's members out of the store, so that they can be trained further.

    Args:
        dataset: text of the dataset file.
        store: folder of the model store.
        champion: its version, -1 for the one of now.
        work: folder of the run's journal, empty for none.
        revision: digest of the code, so that results of other code are not used again.
        champion_members: the model card, and each network's model.

    Returns:
        Parts of the readings that the champion was trained on, JSON, and the stamp of the last of them.
    """
    from collections import namedtuple
    from pathlib import Path

    from components.dataset.load import parse_dataset
    from components.deploy.step import open_store
    from components.journal import Journal
    from components.preprocess.generations import as_text
    from components.retrain.step import TakeRequest, facts_of
    from components.retrain.step import take_champion as take
    from components.validate.champion import version_to_beat

    journal = Journal(work, "take champion")
    with journal.step_events():
        described, opened = parse_dataset(dataset, "dataset"), open_store(store)
        version = version_to_beat(opened, described.name, champion)
        taken = take(TakeRequest(described, opened, version, Path(champion_members.path)), journal)
        champion_members.metadata.update(facts_of(taken))
        journal.finished(**facts_of(taken))
    Taken = namedtuple("Taken", ["generations", "old_until"])
    return Taken(as_text(taken.generations), taken.generations[-1].until)

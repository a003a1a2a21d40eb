"""The next scan to label is the one whose mask is trusted least; MONAI Label's side is played by a few lines."""

from types import SimpleNamespace

import pytest

from infnet_monai.errors import InputError
from infnet_monai.monai_label.active_learning import MostDoubtful, QualityScoring, add_quality
from infnet_monai.quality import QualityEstimate

DICE = {"a": 0.8, "b": 0.3, "c": 0.6}


class Store:
    """Data store with the scans a, b and c, and d that cannot be segmented."""

    def __init__(self):
        self.infos = {name: {} for name in "abcd"}

    def get_unlabeled_images(self, label_tag=None, labels=None):
        return list(self.infos)

    def get_image_info(self, image):
        return self.infos.get(image, {})

    def get_image_uri(self, image):
        return image

    def update_image_info(self, image, info):
        self.infos[image].update(info)


@pytest.fixture
def scoring(tmp_path):
    weights = tmp_path / "model.pt"
    weights.touch()
    asked = []

    def segment(path):
        asked.append(path)
        if path == "d":
            raise InputError("d: truncated")
        return SimpleNamespace(quality=QualityEstimate("check", ("why",), DICE[path], 0.1, 0.9, 1.0, 2.0, 0.7))

    method = QualityScoring(tmp_path, lambda folder: SimpleNamespace(weights=weights, segment=segment))
    method.asked, method.weights = asked, weights
    return method


def test_the_most_doubtful_scan_comes_first_and_those_that_failed_last(scoring):
    store, chosen = Store(), []
    assert scoring({}, store) == {"scored": 3, "kept": 0, "failed": 1}
    while found := MostDoubtful()({}, store):
        chosen.append(found["id"])
        del store.infos[found["id"]]
    assert chosen == ["b", "c", "a", "d"]


def test_scans_are_scored_once_for_each_state_of_the_weights(scoring):
    store = Store()
    scoring({}, store)
    assert scoring({}, store) == {"scored": 0, "kept": 4, "failed": 0}
    scoring.weights.write_text("fine-tuned")
    assert scoring({}, store)["scored"] == 3
    assert len(scoring.asked) == 8


def test_results_of_inference_carry_what_is_noted(scoring):
    class App:
        model_dir, models = "models", {"infnet_tiny": "path"}

        def init_strategies(self):
            return {"first": None}

        def init_scoring_methods(self):
            return {}

        def infer(self, request, datastore=None):
            return {"params": {"label_names": {}}}

    add_quality(App)
    app, store = App(), Store()
    assert set(app.init_strategies()) == {"first", "most_doubtful"}
    assert app.init_scoring_methods()["infnet_quality"].bundle.name == "infnet_tiny"
    assert app.infer({"image": "b"}, store) == {"params": {"label_names": {}}}
    scoring({}, store)
    assert app.infer({"image": "b"}, store)["params"]["quality"]["predicted_dice"] == 0.3

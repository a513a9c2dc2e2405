"""Gradients through effects, against effects whose gradient is known."""

import copy
import threading

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from dialin.errors import DialinError, ParameterError, UsageError  # noqa: E402
from dialin.rendering import RenderPool  # noqa: E402
from dialin.training.spsa import EffectLayer, LossLayer, SpsaOptions  # noqa: E402
from tests.training.inline import InlinePool, drive, square_of  # noqa: E402

RATE = 24_000
MIDDLE = (0.3, 0.6, 0.7)
ENDS = (0.0, 1.0, 1.0)
NEAR_ENDS = (0.004, 0.995, 0.0)


def sound(samples=48, seed=0):
    rng = np.random.default_rng(seed)
    return torch.from_numpy(rng.normal(0, 0.2, samples).astype(np.float32))


def true_gradient(settings, weighting):
    where = torch.tensor([settings], dtype=torch.float64, requires_grad=True)
    (drive(sound().double()[None], where)[0] * weighting).sum().backward()
    return where.grad[0].numpy()


def draws(settings, count, weighting, **options):
    """Estimates of the gradient of ``<weighting, drive(sound)>``, one a row."""
    layer = EffectLayer(InlinePool(), "fake:drive", RATE, SpsaOptions(**options))
    where = torch.tensor([settings] * count, requires_grad=True)
    wet, ok = layer(sound().repeat(count, 1), where)
    assert ok.all()
    (wet * weighting).sum().backward()
    return where.grad.double().numpy()


WEIGHTING = sound(seed=1).double()


@pytest.mark.parametrize("method", ["spsa", "one-sided"])
@pytest.mark.parametrize("settings", [MIDDLE, ENDS, NEAR_ENDS])
@pytest.mark.parametrize("orthogonal", [False, True])
def test_the_mean_of_many_draws_is_the_gradient(method, settings, orthogonal):
    found = draws(
        settings,
        2000,
        WEIGHTING,
        method=method,
        step=0.005,
        directions=2,
        orthogonal=orthogonal,
        seed=3,
    )
    truth = true_gradient(settings, WEIGHTING)
    error = found.std(axis=0, ddof=1) / np.sqrt(len(found))
    # A step of 0.005 bends the slope a little, more so where it is made to one side only.
    bias = 0.02 * np.abs(truth).max()
    assert np.all(np.abs(found.mean(axis=0) - truth) < 4 * error + bias)
    assert np.all(error < 0.1 * np.abs(truth).max())


def test_dividing_by_the_nominal_step_would_halve_slopes_at_the_ends():
    found = draws(ENDS, 2000, WEIGHTING, step=0.005).mean(axis=0) / 2
    truth = true_gradient(ENDS, WEIGHTING)
    assert not np.allclose(found, truth, atol=0.2 * np.abs(truth).max())


@pytest.mark.parametrize("settings", [MIDDLE, ENDS])
def test_plain_differences_are_the_gradient_at_once(settings):
    found = draws(settings, 1, WEIGHTING, method="differences", step=0.002)[0]
    truth = true_gradient(settings, WEIGHTING)
    assert np.allclose(found, truth, atol=0.02 * np.abs(truth).max())


def test_variance_falls_as_one_over_the_directions():
    spread = {
        k: draws(MIDDLE, 1200, WEIGHTING, directions=k, step=0.005, orthogonal=False)
        .var(axis=0)
        .sum()
        for k in (1, 4, 16)
    }
    assert spread[1] / spread[4] == pytest.approx(4, rel=0.2)
    assert spread[1] / spread[16] == pytest.approx(16, rel=0.2)


def test_orthogonal_directions_are_better_than_independent_ones():
    both = [
        draws(MIDDLE, 300, WEIGHTING, directions=4, step=0.005, orthogonal=o).var(axis=0).sum()
        for o in (True, False)
    ]
    assert both[0] < 0.1 * both[1]


def test_a_loss_measured_in_place_has_the_same_gradient():
    count = 2000
    layer = LossLayer(InlinePool(), "fake:drive", RATE, square_of, SpsaOptions(step=0.005))
    where = torch.tensor([MIDDLE] * count, requires_grad=True)
    loss, ok = layer(sound().repeat(count, 1), where, None, 2.0)
    assert ok.all()
    loss.sum().backward()
    found = where.grad.double().numpy()
    exact = torch.tensor([MIDDLE], dtype=torch.float64, requires_grad=True)
    truth = 2.0 * drive(sound().double()[None], exact).square().mean()
    truth.backward()
    assert loss[0].item() == pytest.approx(truth.item(), rel=1e-4)
    error = found.std(axis=0, ddof=1) / np.sqrt(count)
    slope = exact.grad[0].numpy()
    assert np.all(np.abs(found.mean(axis=0) - slope) < 4 * error + 0.02 * np.abs(slope).max())


def test_all_renders_go_to_the_pool_at_once_and_none_in_backward():
    pool = InlinePool()
    layer = EffectLayer(pool, "fake:drive", RATE, SpsaOptions(directions=3))
    where = torch.full((5, 3), 0.4, requires_grad=True)
    wet, _ = layer(sound().repeat(5, 1), where)
    assert len(pool.submitted) == 1
    pool.forbidden = True
    wet.square().sum().backward()
    assert torch.isfinite(where.grad).all()
    assert (layer.count.renders, layer.count.directions) == (35, 15)


def test_results_are_held_over_later_steps_and_changed_audio_is_noticed():
    layer = EffectLayer(InlinePool(), "fake:drive", RATE, SpsaOptions(directions=2))
    audio, where = sound().repeat(2, 1), torch.full((2, 3), 0.4, requires_grad=True)
    first, _ = layer(audio, where)
    kept = first.detach().clone()
    with torch.no_grad():
        again, _ = layer(audio, torch.full((2, 3), 0.4))
        assert torch.equal(again, kept)
        audio.mul_(0.5)
        quieter, _ = layer(audio, torch.full((2, 3), 0.4))
    assert torch.allclose(quieter, drive(audio, torch.full((2, 3), 0.4)), atol=1e-5)
    assert torch.equal(first, kept) and not torch.allclose(quieter, kept)
    first.square().sum().backward()
    grown = where.grad.clone()
    where.grad = None
    audio.mul_(2.0)
    layer.iteration.zero_()
    layer(audio, where)[0].square().sum().backward()
    assert torch.allclose(where.grad, grown, rtol=1e-4)
    with torch.inference_mode():
        for level in (1.0, 0.5):
            mine = level * sound()[None]
            assert torch.allclose(layer(mine, where[:1])[0], drive(mine, where[:1]), atol=1e-5)


def test_without_gradients_each_item_is_rendered_once():
    pool = InlinePool()
    layer = EffectLayer(pool, "fake:drive", RATE)
    with torch.no_grad():
        layer(sound().repeat(4, 1), torch.full((4, 3), 0.4, requires_grad=True))
    layer(sound().repeat(4, 1), torch.full((4, 3), 0.4))
    assert (layer.count.renders, layer.count.directions) == (8, 0)
    assert int(layer.iteration) == 0


def test_stereo_audio_keeps_its_shape():
    layer = EffectLayer(InlinePool(), "fake:drive", RATE)
    where = torch.full((2, 3), 0.4, requires_grad=True)
    wet, _ = layer(sound(60).reshape(1, 2, 30).repeat(2, 1, 1), where)
    assert wet.shape == (2, 2, 30)
    wet.sum().backward()
    assert where.grad.abs().sum() > 0


def test_stepped_knobs_move_by_whole_notches():
    options = SpsaOptions(step=0.02, directions=8)
    layer = EffectLayer(InlinePool(), "fake:mode", RATE, options)
    assert layer.perturber.lengths(0) == pytest.approx([1 / 3, 0.02])
    drawn = layer.perturber.draw(np.array([[0.3, 0.5], [1.0, 0.5]]), 0)
    assert set(np.round(3 * drawn.plus[0, :, 0], 9)) == {0.0, 2.0}
    assert set(np.round(3 * drawn.plus[1, :, 0], 9)) == {2.0, 3.0}
    # From clean to hard over two notches, from hard to fold over one.
    assert np.abs(drawn.weights[:, 0, 0]) == pytest.approx([1.5, 3.0])


def test_fixed_and_dead_knobs_have_no_gradient():
    layer = EffectLayer(InlinePool(), "fake:drive", RATE, SpsaOptions(fixed=("level",)))
    where = torch.tensor([MIDDLE], requires_grad=True)
    layer(sound()[None], where)[0].square().sum().backward()
    assert where.grad[0, 1] == 0 and where.grad[0, 0] != 0
    with pytest.raises(ParameterError, match="levle"):
        EffectLayer(InlinePool(), "fake:drive", RATE, SpsaOptions(fixed=("levle",)))
    with pytest.raises(UsageError, match="no knob"):
        EffectLayer(InlinePool(), "fake:gain", RATE, SpsaOptions(fixed=("gain",)))


def test_steps_of_knobs_and_their_schedule():
    options = SpsaOptions(step=0.1, steps={"mix": 0.4}, decay=0.101, smallest=0.07)
    layer = EffectLayer(InlinePool(), "fake:drive", RATE, options)
    assert layer.perturber.lengths(0) == pytest.approx([0.1, 0.1, 0.4])
    assert layer.perturber.lengths(9) == pytest.approx([0.0792, 0.0792, 0.317], rel=1e-2)
    assert layer.perturber.lengths(10**6)[0] == 0.07


def test_lost_directions_cost_only_themselves():
    # Below a badness of 0.5 the effect behaves: of each pair of renders one is not a number.
    options = SpsaOptions(directions=4, step=0.05)
    layer = EffectLayer(InlinePool(), "fake:nan", RATE, options)
    where = torch.tensor([[0.5, 0.48], [0.5, 0.2]], requires_grad=True)
    wet, ok = layer(sound().repeat(2, 1), where)
    assert ok.all()
    wet.square().sum().backward()
    assert where.grad[0].tolist() == [0.0, 0.0]
    assert where.grad[1, 0] > 0
    assert layer.count.lost_directions == 4
    assert layer.count.failures == {"render-non-finite": 4}


def test_lost_items_are_told_and_a_lost_batch_is_an_error():
    layer = EffectLayer(InlinePool(), "fake:nan", RATE)
    where = torch.tensor([[0.5, 1.0], [0.5, 0.2]], requires_grad=True)
    wet, ok = layer(sound().repeat(2, 1), where)
    assert ok.tolist() == [False, True]
    assert wet[0].abs().sum() == 0
    wet[ok].square().sum().backward()
    assert where.grad[0].abs().sum() == 0
    assert layer.count.lost_items == 1
    with pytest.raises(DialinError, match="NaN or infinite"):
        layer(sound()[None], torch.tensor([[0.5, 1.0]], requires_grad=True))


def test_a_resumed_layer_draws_the_directions_it_would_have_drawn():
    def gradient(layer):
        where = torch.tensor([MIDDLE], requires_grad=True)
        layer(sound()[None], where)[0].square().sum().backward()
        return where.grad

    first = EffectLayer(InlinePool(), "fake:drive", RATE, SpsaOptions(seed=7))
    gradient(first)
    state = copy.deepcopy(first.state_dict())
    wanted = [gradient(first) for _ in range(3)]
    second = EffectLayer(InlinePool(), "fake:drive", RATE, SpsaOptions(seed=7))
    second.load_state_dict(state)
    assert all(torch.equal(a, gradient(second)) for a in wanted)
    other = EffectLayer(InlinePool(), "fake:drive", RATE, SpsaOptions(seed=7, stream=1))
    other.load_state_dict(state)
    assert not all(torch.equal(a, gradient(other)) for a in wanted)


def test_audio_gets_a_gradient_only_when_asked():
    dry = sound()[None].requires_grad_()
    where = torch.tensor([MIDDLE], requires_grad=True)
    EffectLayer(InlinePool(), "fake:drive", RATE)(dry, where)[0].sum().backward()
    assert dry.grad is None
    layer = EffectLayer(InlinePool(), "fake:drive", RATE, audio_gradient="identity")
    layer(dry, where)[0].sum().backward()
    assert torch.equal(dry.grad, torch.ones_like(dry))
    with pytest.raises(UsageError, match="exact"):
        EffectLayer(InlinePool(), "fake:drive", RATE, audio_gradient="exact")


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ([[0.5, 0.5]], "do not fit"),
        ([[0.5, 0.5, 1.5]], "sigmoid"),
        ([[0.5, 0.5, float("nan")]], "finite"),
    ],
)
def test_settings_that_make_no_sense_are_refused(settings, message):
    with pytest.raises(UsageError, match=message):
        EffectLayer(InlinePool(), "fake:drive", RATE)(sound()[None], torch.tensor(settings))


@pytest.mark.parametrize(
    "options", [{"directions": 0}, {"step": 0.0}, {"steps": {"mix": 0.7}}, {"decay": -1.0}]
)
def test_options_that_make_no_sense_are_refused(options):
    with pytest.raises(UsageError):
        SpsaOptions(**options)


def test_backward_on_another_thread_through_the_real_pool():
    # Autograd runs backward of CUDA tensors on threads of its own, where plugins freeze.
    with RenderPool(workers=2, quarantine=0) as pool:
        layer = EffectLayer(pool, "fake:drive", RATE, SpsaOptions(method="differences", step=0.01))
        where = torch.tensor([MIDDLE, ENDS], requires_grad=True)
        wet, ok = layer(sound().repeat(2, 1), where)
        assert ok.all()
        pool.close()  # there is nothing left that backward could render with
        thread = threading.Thread(target=lambda: (wet * WEIGHTING).sum().backward())
        thread.start()
        thread.join(timeout=180)
        assert not thread.is_alive()
        for row, settings in zip(where.grad.numpy(), (MIDDLE, ENDS), strict=True):
            truth = true_gradient(settings, WEIGHTING)
            assert np.allclose(row, truth, atol=0.05 * np.abs(truth).max())


def test_a_crash_costs_a_direction_in_the_real_pool():
    with RenderPool(workers=1, quarantine=0) as pool:
        layer = EffectLayer(pool, "fake:crash", RATE, SpsaOptions(step=0.05, directions=2))
        where = torch.tensor([[0.5, 0.48]], requires_grad=True)
        wet, ok = layer(sound()[None], where)
        assert ok.all()
        wet.sum().backward()
        assert layer.count.lost_directions == 2
        assert layer.count.failures == {"render-crash": 2}

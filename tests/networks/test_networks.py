import pytest

torch = pytest.importorskip("torch", reason="torch is not installed")

from dialin.errors import UsageError  # noqa: E402
from dialin.networks import Encoder, FrontEndConfig, PooledEncoder, Vae  # noqa: E402
from dialin.networks.encoder import as_excerpts  # noqa: E402
from dialin.networks.excerpts import starts  # noqa: E402
from dialin.networks.latent import kl_divergence, sample  # noqa: E402

SMALL = FrontEndConfig(bands=32, fft=1024, hop=256)
MAKERS = [
    lambda d: Vae(SMALL, 8192, d, (4, 8, 8)),
    lambda d: PooledEncoder(SMALL, 8192, d, (4, 8, 8)),
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("dimensions", [2, 256])
def test_encoders_keep_their_promises(make, dimensions):
    encoder = make(dimensions).eval()
    assert isinstance(encoder, Encoder)
    assert (encoder.sample_rate, encoder.samples) == (24_000, 8192)
    with torch.no_grad():
        for samples in (300, 8192, 8193, 30_000):
            assert encoder(torch.randn(3, samples)).shape == (3, dimensions)


@pytest.mark.parametrize("make", MAKERS)
def test_level_does_not_rule_embeddings(make):
    torch.manual_seed(0)
    encoder = make(8).eval()
    audio = 0.05 * torch.randn(4, 8192)
    with torch.no_grad():
        apart = (encoder(audio) - encoder(8 * audio)).abs().max()
        others = encoder(audio).std(dim=0).mean()
    assert apart < 0.02 * others


def test_long_audio_is_the_mean_of_excerpts_that_cover_it():
    encoder = MAKERS[1](4).eval()
    audio = torch.randn(1, 20_000)
    with torch.no_grad():
        each = [encoder(audio[:, s : s + 8192]) for s in starts(20_000, 8192)]
        assert torch.allclose(encoder(audio), torch.stack(each).mean(dim=0), atol=1e-6)
    assert starts(20_000, 8192)[-1] + 8192 == 20_000
    assert torch.equal(as_excerpts(audio[:, :3], 8)[0, 0], audio[0, [0, 1, 2, 0, 1, 2, 0, 1]])


def test_divergence_is_that_of_normal_distributions():
    mean, log_variance = torch.tensor([[0.0, 1.5, -0.3]]), torch.tensor([[0.0, -1.0, 0.7]])
    ours = torch.distributions.Normal(mean, (0.5 * log_variance).exp())
    expected = torch.distributions.kl_divergence(ours, torch.distributions.Normal(0.0, 1.0))
    assert torch.allclose(kl_divergence(mean, log_variance), expected, atol=1e-6)


def test_samples_have_the_distribution_asked_for():
    mean, log_variance = torch.full((20_000, 1), 2.0), torch.full((20_000, 1), -2.0)
    drawn = sample(mean, log_variance, torch.Generator().manual_seed(1))
    assert float(drawn.mean()) == pytest.approx(2.0, abs=0.01)
    assert float(drawn.var()) == pytest.approx(0.1353, rel=0.05)


def test_decoder_gives_what_the_encoder_takes():
    vae = MAKERS[0](6)
    features = vae.front_end(torch.randn(2, 8192))
    assert vae.decode(vae.embed(features)).shape == features.shape == (2, *vae.shape)


def test_sizes_that_cannot_be_halved_are_refused():
    with pytest.raises(UsageError, match="halved 3 times"):
        Vae(SMALL, 8192 + 256, 4, (4, 8, 8))

"""The quick form of a network computes what the network computes."""

import pytest
import timm
import torch
from torch import nn

from mean_model.inference import for_inference


@pytest.mark.parametrize(
    "name",
    ["convnext_atto", "convnext_atto_ols", "convnextv2_atto", "convnext_tiny", "resnet18"],
)
def test_the_quick_form_computes_the_same_and_the_network_stays_as_it_was(name):
    torch.manual_seed(0)
    network = timm.create_model(name, num_classes=0).eval()
    with torch.no_grad():
        for parameter in network.parameters():  # scales begin at 1e-6, which would hide a fault
            parameter.add_(0.2 * torch.randn_like(parameter))
        before = {key: value.clone() for key, value in network.state_dict().items()}
        images = torch.rand(2, 3, 64, 64).contiguous(memory_format=torch.channels_last)
        quick = for_inference(network)
        torch.testing.assert_close(quick(images), network(images), rtol=1e-3, atol=1e-4)
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())


def test_small_convnexts_have_no_convolution_of_one_pixel_left_in_their_blocks():
    quick = for_inference(timm.create_model("convnext_atto", num_classes=0).eval())
    assert not any(isinstance(part, nn.Conv2d) and part.kernel_size == (1, 1) for part in quick.stages.modules())


def test_efficientnets_compute_the_same_without_their_batch_norms():
    torch.manual_seed(0)
    network = timm.create_model("tf_efficientnet_lite0", num_classes=0).eval().double()
    with torch.no_grad():
        for norm in network.modules():
            if isinstance(norm, nn.BatchNorm2d):  # which begins with a mean of 0 and a variance of 1
                norm.running_mean.normal_(0, 0.2)
                norm.running_var.uniform_(0.5, 2)
                norm.weight.uniform_(0.5, 2)
                norm.bias.normal_(0, 0.2)
        images = torch.rand(2, 3, 64, 64, dtype=torch.float64)
        quick = for_inference(network)
        expected = network(images)
        torch.testing.assert_close(quick(images), expected, rtol=1e-6, atol=1e-9)
    assert expected.std() > 0.01 and not any(isinstance(part, nn.BatchNorm2d) for part in quick.modules())

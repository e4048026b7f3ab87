"""One process or many: who I am, what all of them hold together, with gradients where training needs them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

T = TypeVar("T")


@dataclass(frozen=True)
class Processes:
    """This process among those that train together."""

    device: torch.device
    rank: int = 0
    count: int = 1

    @property
    def first(self) -> bool:
        """Whether this one writes files and speaks."""
        return self.rank == 0


@contextmanager
def processes() -> Iterator[Processes]:
    """What torchrun started, or one process alone; NCCL on GPUs, gloo on CPUs."""
    count = int(os.environ.get("WORLD_SIZE", "1"))
    cuda = torch.cuda.is_available()
    if count == 1:
        yield Processes(torch.device("cuda" if cuda else "cpu"))
        return
    device = torch.device("cuda", int(os.environ["LOCAL_RANK"])) if cuda else torch.device("cpu")
    if cuda:
        torch.cuda.set_device(device)
    dist.init_process_group("nccl" if cuda else "gloo")
    try:
        yield Processes(device, dist.get_rank(), count)
    finally:
        dist.destroy_process_group()


def together() -> bool:
    """Whether other processes train with this one."""
    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def gathered(rows: Tensor) -> Tensor:
    """The rows (B, ...) of all processes, (count * B, ...), with gradient to each: every process must bring B rows."""
    return _Gathered.apply(rows) if together() else rows


def mean_over_all(values: Tensor) -> Tensor:
    """The mean of a tensor over the processes, without gradient."""
    if not together():
        return values.detach()
    total = values.detach().clone()
    dist.all_reduce(total)
    return total / dist.get_world_size()


def all_objects(mine: T) -> list[T]:
    """What each process brings, in the order of their ranks."""
    if not together():
        return [mine]
    found = [mine] * dist.get_world_size()
    dist.all_gather_object(found, mine)
    return found


class _Summed(torch.autograd.Function):
    """The sum over the processes; each one's gradient is the sum of all of theirs."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        total = values.detach().clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total


class _Gathered(torch.autograd.Function):
    """The rows of all processes; what flows back to one's own rows is the sum over the processes."""

    @staticmethod
    def forward(ctx: Any, rows: Tensor) -> Tensor:
        found = [torch.empty_like(rows, memory_format=torch.contiguous_format) for _ in range(dist.get_world_size())]
        dist.all_gather(found, rows.detach().contiguous())
        return torch.cat(found)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        total = gradient.clone(memory_format=torch.contiguous_format)
        dist.all_reduce(total)
        return total.chunk(dist.get_world_size())[dist.get_rank()]


class SharedBatchNorm(nn.BatchNorm1d):
    """Batch normalisation over the batches of all processes, each of the same size: torch's own wants GPUs."""

    def forward(self, input: Tensor) -> Tensor:
        """(B, C) or (B, C, L) -> the same shape."""
        if not self.training or not together():
            return super().forward(input)
        over = (0,) if input.ndim == 2 else (0, 2)
        shape = (1, -1) if input.ndim == 2 else (1, -1, 1)
        count = input.numel() // input.shape[1] * dist.get_world_size()
        mean = _Summed.apply(input.sum(over)) / count
        centred = input - mean.view(shape)
        variance = _Summed.apply(centred.square().sum(over)) / count
        with torch.no_grad():
            assert self.running_mean is not None and self.running_var is not None and self.momentum is not None
            assert self.num_batches_tracked is not None
            self.num_batches_tracked.add_(1)
            self.running_mean.lerp_(mean.detach(), self.momentum)
            self.running_var.lerp_(variance.detach() * count / (count - 1), self.momentum)
        normal = centred * (variance + self.eps).rsqrt().view(shape)
        return normal * self.weight.view(shape) + self.bias.view(shape)


def share_batch_norm(network: nn.Module, device: torch.device) -> None:
    """Let every batch normalisation of a network look at the batches of all processes; names of tensors stay."""
    for name, child in network.named_children():
        if isinstance(child, nn.BatchNorm1d):
            new = (nn.SyncBatchNorm if device.type == "cuda" else SharedBatchNorm)(child.num_features, eps=child.eps)
            new.load_state_dict(child.state_dict())
            setattr(network, name, new)
        else:
            share_batch_norm(child, device)

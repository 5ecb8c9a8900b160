"""Another device on any machine: tensors that say "meta", keep their values, and mix with no others.

    with Elsewhere():
        model = model.to("meta")
        model(inputs.to("meta"))  # runs; model(inputs) raises, as it would on a GPU

PyTorch's own meta tensors let many mixtures pass (matrix products, convolutions, embeddings) and have
no values, which training needs; fake tensors on "cuda" have no backward pass where there is no CUDA.
"""

from __future__ import annotations

import torch
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode, return_and_correct_aliasing
from torch.utils._pytree import tree_leaves, tree_map_only

META = torch.device("meta")
aten = torch.ops.aten

#: What a GPU, too, does with tensors of two devices.
CROSSING = {aten._to_copy, aten.copy_}
CPU_INDICES = {aten.index, aten.index_put, aten.index_put_, aten._index_put_impl_}


class ElsewhereTensor(torch.Tensor):
    """A tensor on "meta" whose values lie in ``held``, a tensor on the CPU."""

    @staticmethod
    def __new__(cls, held: torch.Tensor):
        return torch.Tensor._make_wrapper_subclass(
            cls,
            held.size(),
            **{"strides": held.stride(), "storage_offset": held.storage_offset()},
            **{"dtype": held.dtype, "device": META},
        )

    def __init__(self, held: torch.Tensor):
        self.held = held

    def __repr__(self) -> str:
        return f"{self.held!r} elsewhere"

    def tolist(self):
        return self.held.tolist()

    __torch_function__ = torch._C._disabled_torch_function_impl

    @classmethod
    def __torch_dispatch__(cls, function, types, args=(), kwargs=None):
        return run(function, args, kwargs or {})


class FromData(TorchFunctionMode):
    """torch.tensor(numbers, device="meta") forgets the numbers on its way; this one brings them along."""

    def __torch_function__(self, function, types, args=(), kwargs=None):
        kwargs = kwargs or {}
        wanted = kwargs.get("device")
        if function in (torch.tensor, torch.as_tensor) and wanted is not None:
            return function(*args, **kwargs | {"device": "cpu"}).to(wanted)
        if function is torch.Tensor.new_tensor and isinstance(args[0], ElsewhereTensor):
            return torch.tensor(*args[1:], **{"dtype": args[0].dtype} | kwargs).to(META)
        return function(*args, **kwargs)


class Elsewhere(TorchDispatchMode):
    """While it is on, device="meta" makes tensors with values."""

    def __enter__(self):
        self.from_data = FromData()
        self.from_data.__enter__()
        return super().__enter__()

    def __exit__(self, *error):
        super().__exit__(*error)
        self.from_data.__exit__(*error)

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        return run(function, args, kwargs or {})


def run(function, args, kwargs):
    """One operation: refuse a mixture, compute with the values, and say where the result is."""
    tensors = [x for x in tree_leaves((args, kwargs)) if isinstance(x, torch.Tensor)]
    there = any(isinstance(x, ElsewhereTensor) for x in tensors)
    packet, wanted = function.overloadpacket, kwargs.get("device")
    if there and packet not in CROSSING:
        checked = tree_leaves((args[0], args[2:])) if packet in CPU_INDICES else tensors
        for x in checked:
            if isinstance(x, torch.Tensor) and not isinstance(x, ElsewhereTensor) and x.ndim:
                raise RuntimeError(
                    f"{function}: expected all tensors on one device, but found {META} and {x.device}"
                )
    if packet is aten.copy_:
        there = isinstance(args[0], ElsewhereTensor)
    elif wanted is not None:
        there = torch.device(wanted) == META
        kwargs = kwargs | {"device": torch.device("cpu")}
    unwrapped_args, unwrapped_kwargs = tree_map_only(
        ElsewhereTensor, lambda x: x.held, (args, kwargs)
    )
    result = function(*unwrapped_args, **unwrapped_kwargs)
    if not there:
        return result
    result = tree_map_only(torch.Tensor, ElsewhereTensor, result)
    return return_and_correct_aliasing(function, args, kwargs, result)

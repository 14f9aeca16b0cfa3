"""Runs the modelling code of a Hugging Face transformers 4.57 source tree with any torch from 1.13 on, in float32 or in float64.

What computes logits is transformers' own, unchanged: modeling_{llama,qwen3,bitnet}.py, their configurations, modeling_rope_utils.py,
masking_utils.py, activations.py, integrations/bitnet.py. What stands around it is replaced by the least that lets it run:

- decorators (kernels of the hub, docstrings, deprecations, recording of outputs, torch.compile): nothing
- PreTrainedModel: nn.Module with a config; PretrainedConfig: attributes; GradientCheckpointingLayer: nn.Module
- ALL_ATTENTION_FUNCTIONS: not used, attention is "eager", written out in each model's file
- torch.vmap, which torch 1.13 has not and a mask of attention wants: a loop
- accelerate's init_empty_weights: nothing; caches, generation, heads that classify: empty classes
"""
import contextlib
import importlib.machinery
import sys
import types
from pathlib import Path

import torch
from torch import nn


def nothing(*args, **kwargs):
    """A decorator, with or without arguments, that decorates nothing."""
    if len(args) == 1 and callable(args[0]) and not kwargs:
        return args[0]
    return lambda f: f


def vmap(f, in_dims, out_dims):
    """f of each element of the one argument that has a dimension in in_dims, one after another."""
    at = next(i for i, dim in enumerate(in_dims) if dim is not None)
    return lambda *args: torch.stack([f(*args[:at], one, *args[at + 1 :]) for one in args[at].unbind(in_dims[at])], out_dims)


class Config:
    """PretrainedConfig."""

    def __init__(self, **kwargs):
        self.attention_bias = False
        self._attn_implementation = "eager"
        self.tie_word_embeddings = True
        self.pad_token_id = None
        self.__dict__.update(kwargs)


class PreTrainedModel(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config

    def post_init(self):
        pass


class Output(types.SimpleNamespace):
    """What a model returns; what is not there is None."""

    def __getattr__(self, name):
        return None


class Empty:
    pass


class GeneralInterface(dict):
    """A dictionary whose entries of the class stand behind its own."""

    def __missing__(self, key):
        return self._global_mapping[key]


STUBS = {
    "cache_utils": {"Cache": Empty, "DynamicCache": Empty},
    "configuration_utils": {"PretrainedConfig": Config, "layer_type_validation": lambda *a: None},
    "generation": {"GenerationMixin": Empty},
    "integrations": {"use_kernel_forward_from_hub": nothing},
    "integrations.hub_kernels": {"use_kernel_forward_from_hub": nothing},
    "modeling_flash_attention_utils": {"FlashAttentionKwargs": Empty},
    "modeling_layers": {
        "GradientCheckpointingLayer": nn.Module,
        "GenericForQuestionAnswering": Empty,
        "GenericForSequenceClassification": Empty,
        "GenericForTokenClassification": Empty,
    },
    "modeling_outputs": {"BaseModelOutputWithPast": Output, "CausalLMOutputWithPast": Output},
    "modeling_utils": {"ALL_ATTENTION_FUNCTIONS": {}, "PreTrainedModel": PreTrainedModel},
    "processing_utils": {"Unpack": {Empty: None, "TransformersKwargs": None}},
    "utils": {
        "TransformersKwargs": Empty,
        "auto_docstring": nothing,
        "can_return_tuple": nothing,
        "is_accelerate_available": lambda: True,
        "is_torch_available": lambda: True,
        "is_torch_xpu_available": lambda: False,
    },
    "utils.logging": {"get_logger": lambda name: types.SimpleNamespace(warning=print, warning_once=print, info=print)},
    "utils.deprecation": {"deprecate_kwarg": nothing},
    "utils.generic": {"GeneralInterface": GeneralInterface, "check_model_inputs": nothing},
    "utils.import_utils": {
        "is_torch_flex_attn_available": lambda: False,
        "is_torch_greater_or_equal": lambda *a, **k: False,
        "is_torchdynamo_compiling": lambda: False,
    },
}


def load(source):
    """Makes the packages transformers and accelerate of a source tree ("src/transformers" is in it)."""
    root = Path(source) / "src" / "transformers"
    torch.compile = nothing
    torch.vmap = vmap

    def module(name, path=None, **attributes):
        made = types.ModuleType(name)
        made.__spec__ = importlib.machinery.ModuleSpec(name, None, is_package=path is not None)
        made.__dict__.update(attributes)
        if path is not None:
            made.__path__ = [str(path)]
        sys.modules[name] = made
        parent, _, last = name.rpartition(".")
        if parent:
            setattr(sys.modules[parent], last, made)

    module("accelerate", init_empty_weights=contextlib.nullcontext)
    module("transformers", root)
    module("transformers.models", root / "models")
    for model in ("llama", "qwen3", "bitnet"):
        module("transformers.models." + model, root / "models" / model)
    for name in sorted(STUBS):  # packages before what is in them
        package = name if name in ("utils", "integrations") else None
        module("transformers." + name, package and root / package, **STUBS[name])


@contextlib.contextmanager
def doubles():
    """What is called float32 is float64 meanwhile: the same code, with none of its roundings to single precision."""
    names = {"float32": torch.float64, "float": torch.float64}
    kept = {name: getattr(torch, name) for name in names}
    single = torch.Tensor.float
    try:
        for name, dtype in names.items():
            setattr(torch, name, dtype)
        torch.Tensor.float = torch.Tensor.double
        torch.set_default_dtype(torch.float64)
        yield
    finally:
        for name, dtype in kept.items():
            setattr(torch, name, dtype)
        torch.Tensor.float = single
        torch.set_default_dtype(torch.float32)

#!/bin/sh
# Runs the peers over the models in a directory: DIRECTORY/NAME.gguf to DIRECTORY/NAME.f32, and SHA256SUMS of what they read.
# LLAMA_CPP and IK name the two builds of peer_logits.cpp, IK_QUANTIZE is ik_llama.cpp's llama-quantize. README.md says more.
set -eu
cd "$1"
short=259,7,101
long=257,98,5,5,200,31,144,0,77,259,12,250,63,180,9,111,222,33,44,155,166,17,28,239,140,51,62,73,84,95,106,217,228,139
for model in *.gguf; do
  name=${model%.gguf}
  case $name in
    *-i2_s-*)
      "$IK_QUANTIZE" --allow-requantize --token-embedding-type f16 "$model" "$name.iq2_bn" iq2_bn >"$name.log" 2>&1
      "$IK" "$name.iq2_bn" "$name.f32" $short $long 2>>"$name.log" ;;
    *_bn-* | bitnet-b1.58-*) "$IK" "$model" "$name.f32" $short $long 2>"$name.log" ;;
    *) "$LLAMA_CPP" "$model" "$name.f32" $short $long 2>"$name.log" ;;
  esac
done
sha256sum *.gguf >SHA256SUMS

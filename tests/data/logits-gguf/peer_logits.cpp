// The logits that llama.cpp or ik_llama.cpp (-DIK) computes for a GGUF file: after every token of every prompt, as little-endian float32.
// Keys and values are kept in F32 (ik_llama.cpp: values in F16), attention is no fused kernel, and each prompt is one batch on one thread.
// README.md says how it is built and run.
//
//   peer_logits MODEL.gguf OUT.f32 1,2,3 4,5,6     two prompts of three tokens: out[6][n_vocab]

#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "llama.h"

#ifndef IK
#include "ggml-backend.h"
#endif

namespace {

int fail(const std::string &what) {
  std::fprintf(stderr, "peer_logits: %s\n", what.c_str());
  return 1;
}

std::vector<llama_token> tokens_of(const char *text) {
  std::vector<llama_token> tokens;
  for (char *end = nullptr; *text != '\0'; text = *end == ',' ? end + 1 : end) {
    tokens.push_back(static_cast<llama_token>(std::strtol(text, &end, 10)));
    if (end == text) {
      std::exit(fail("no token id at '" + std::string(text) + "'"));
    }
  }
  return tokens;
}

llama_context_params context_params() {
  llama_context_params params = llama_context_default_params();
  params.n_ctx = 256;
  params.n_batch = 256;
  params.n_ubatch = 256;
  params.n_threads = 1;
  params.n_threads_batch = 1;
  params.type_k = GGML_TYPE_F32;
#ifdef IK
  params.type_v = GGML_TYPE_F16; // F32 is refused
  params.flash_attn = false;
#else
  params.type_v = GGML_TYPE_F32;
  params.flash_attn_type = LLAMA_FLASH_ATTN_TYPE_DISABLED;
#endif
  return params;
}

bool write_logits(llama_model *model, int n_vocab, const std::vector<llama_token> &tokens, std::FILE *out) {
  llama_context *context = llama_init_from_model(model, context_params());
  if (context == nullptr) {
    return false;
  }
  llama_batch batch = llama_batch_init(static_cast<int32_t>(tokens.size()), 0, 1);
  batch.n_tokens = static_cast<int32_t>(tokens.size());
  for (int32_t i = 0; i < batch.n_tokens; i++) {
    batch.token[i] = tokens[i];
    batch.pos[i] = i;
    batch.n_seq_id[i] = 1;
    batch.seq_id[i][0] = 0;
    batch.logits[i] = 1;
  }
  bool good = llama_decode(context, batch) == 0;
  for (int32_t i = 0; good && i < batch.n_tokens; i++) {
    const float *logits = llama_get_logits_ith(context, i); // [n_vocab]
    good = logits != nullptr && std::fwrite(logits, sizeof(float), n_vocab, out) == static_cast<size_t>(n_vocab);
  }
  llama_batch_free(batch);
  llama_free(context);
  return good;
}

}  // namespace

int main(int argc, char **argv) {
  if (argc < 4) {
    return fail("MODEL.gguf OUT.f32 TOKENS...");
  }
  llama_backend_init();
#ifndef IK
  if (const char *directory = std::getenv("GGML_BACKENDS")) {
    ggml_backend_load_all_from_path(directory);
  }
#endif
  llama_model *model = llama_model_load_from_file(argv[1], llama_model_default_params());
  if (model == nullptr) {
    return fail(std::string(argv[1]) + " is refused");
  }
#ifdef IK
  int n_vocab = llama_n_vocab(model);
#else
  int n_vocab = llama_vocab_n_tokens(llama_model_get_vocab(model));
#endif
  std::FILE *out = std::fopen(argv[2], "wb");
  if (out == nullptr) {
    return fail(std::string("cannot write ") + argv[2]);
  }
  for (int i = 3; i < argc; i++) {
    if (!write_logits(model, n_vocab, tokens_of(argv[i]), out)) {
      return fail("prompt " + std::to_string(i - 2) + " failed");
    }
  }
  return std::fclose(out) == 0 ? 0 : fail("cannot write all");
}

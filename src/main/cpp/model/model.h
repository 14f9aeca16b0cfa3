// A model: its shape and its weights on one backend.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/backend.h"
#include "tern.h"

namespace tern {

// A backend and the lock that makes steps on it take turns.
struct Device {
  std::shared_ptr<Backend> backend;
  std::mutex mutex;
  std::string description;
};

using ModelConfig = tern_model_config;

// Throws INVALID_ARGUMENT with the first field that is out of range.
void check_config(const ModelConfig& config);

class Model {
 public:
  Model(std::shared_ptr<Device> device, const ModelConfig& config);

  void load_begin(int role, int layer, int type, int store, int n_rows, int n_cols, float scale);
  void load_rows(int role, int layer, int n_rows, const void* data, int64_t n_bytes);
  void seal();
  bool sealed() const { return sealed_; }

  const ModelConfig& config() const { return config_; }
  Device& device() const { return *device_; }
  Backend& backend() const { return *device_->backend; }

  // The weight of a role, or null where the graph has none. Layer -1 for what is not in a layer.
  const Weight* weight(int role, int layer = -1) const { return slots_[slot_of(role, layer)].get(); }
  const Weight& head() const { return *(weight(TERN_ROLE_OUTPUT) ? weight(TERN_ROLE_OUTPUT) : weight(TERN_ROLE_TOKEN_EMBD)); }
  const double* inv_freq() const { return inv_freq_.as<double>(); }  // [rope_dim / 2], memory of the backend

  int64_t bytes() const;
  int64_t decode_bytes() const;  // read for one token: everything but the embedding rows not looked up

 private:
  size_t slot_of(int role, int layer) const;
  void check_shape(int role, int n_rows, int n_cols) const;

  std::shared_ptr<Device> device_;
  ModelConfig config_;
  std::vector<std::unique_ptr<Weight>> slots_;
  Buffer inv_freq_;
  bool sealed_ = false;
};

}  // namespace tern

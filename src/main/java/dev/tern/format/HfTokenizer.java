package dev.tern.format;

import com.fasterxml.jackson.databind.JsonNode;
import dev.tern.ModelFormatException;
import dev.tern.UnsupportedModelException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Pattern;

/** What tokenizer.json and tokenizer_config.json of a Hugging Face model say, written as GGUF metadata. */
final class HfTokenizer {
  private static final int MAX_TOKENS = 1 << 24;
  private static final Pattern BYTE = Pattern.compile("<0x[0-9A-F]{2}>");
  private static final String GPT2 = "'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+";
  private static final String CONTRACTIONS = "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|";
  private static final String REST = "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

  /** The pre-tokenizers that are known, by the regular expression that they split with. */
  private static final Map<String, String> PRE =
      Map.of(GPT2, "gpt-2", CONTRACTIONS + "\\p{N}{1,3}" + REST, "llama-bpe", CONTRACTIONS + "\\p{N}" + REST, "qwen2");

  private final TokenizerJson file;
  private final JsonNode root;
  private final JsonNode model;
  private final JsonNode config; // of tokenizer_config.json, or empty
  private final Map<String, Integer> addedIds = new HashMap<>();
  private GgufStrings tokens; // by id
  private int[] types;

  HfTokenizer(TokenizerJson file, JsonNode config) {
    this.file = file;
    this.config = config;
    root = file.root;
    model = root.path("model");
    if (!model.path("type").asText("BPE").equals("BPE") || file.tokens == null || file.merges == null) {
      throw new UnsupportedModelException("tokenizer.json: model '" + model.path("type").asText() + "'; supported: BPE");
    }
    readTokens();
  }

  private void readTokens() {
    int n = 0;
    for (int i = 0; i < file.ids.length; i++) {
      if (!inRange(file.ids[i]) || file.tokens.begin(i) == file.tokens.end(i)) {
        throw TokenizerJson.badId(file.tokens.get(i), "vocab", Integer.toString(file.ids[i]));
      }
      n = Math.max(n, file.ids[i] + 1);
    }
    Map<Integer, String> added = addedTokens();
    for (int id : added.keySet()) {
      n = Math.max(n, id + 1);
    }
    int[] place = places(n);
    boolean bytes = byteFallback();
    GgufStrings.Builder all = new GgufStrings.Builder();
    types = new int[n];
    for (int id = 0; id < n; id++) {
      String given = added.get(id);
      if (place[id] < 0) {
        all.add(given == null ? "[unused" + id + "]" : given);
        types[id] = given == null ? Vocabulary.UNUSED : Vocabulary.NORMAL;
        continue;
      }
      all.add(file.tokens.data(), file.tokens.begin(place[id]), file.tokens.end(place[id]));
      String text = bytes || given != null ? file.tokens.get(place[id]) : null;
      if (given != null && !given.equals(text)) {
        throw twice(text, given, id);
      }
      types[id] = bytes && BYTE.matcher(text).matches() ? Vocabulary.BYTE : Vocabulary.NORMAL;
    }
    tokens = all.build();
    for (JsonNode token : root.path("added_tokens")) {
      boolean control = token.path("special").asBoolean() || looksLikeControl(token.path("content").asText());
      types[token.get("id").intValue()] = control ? Vocabulary.CONTROL : Vocabulary.USER_DEFINED;
    }
    Integer unknown = id(model.path("unk_token").asText(""));
    if (unknown != null) {
      types[unknown] = Vocabulary.UNKNOWN;
    }
  }

  /** Where the token of each of n ids is in the file's vocabulary, or -1. */
  private int[] places(int n) {
    int[] place = new int[n];
    Arrays.fill(place, -1);
    for (int i = 0; i < file.ids.length; i++) {
      int id = file.ids[i];
      if (place[id] >= 0) {
        throw twice(file.tokens.get(place[id]), file.tokens.get(i), id);
      }
      place[id] = i;
    }
    return place;
  }

  /** The added tokens by their ids. */
  private Map<Integer, String> addedTokens() {
    Map<Integer, String> added = new HashMap<>();
    for (JsonNode token : root.path("added_tokens")) {
      String text = token.path("content").asText("");
      if (!token.path("id").isInt() || text.isEmpty() || !inRange(token.get("id").intValue())) {
        throw TokenizerJson.badId(text, "added_tokens", token.path("id").toString());
      }
      int id = token.get("id").intValue();
      String before = added.put(id, text);
      if (before != null && !before.equals(text)) {
        throw twice(before, text, id);
      }
      addedIds.put(text, id);
    }
    return added;
  }

  /** Ids may come in any order, but all of them together are about as many as there are tokens. */
  private boolean inRange(int id) {
    return id >= 0 && id < Math.min(MAX_TOKENS, 2L * file.tokens.size() + 2L * root.path("added_tokens").size() + 1024);
  }

  private static ModelFormatException twice(String one, String other, int id) {
    return new ModelFormatException("tokenizer.json: '" + one + "' and '" + other + "' both have the id " + id, -1);
  }

  private Integer id(String token) {
    Integer added = addedIds.get(token);
    return added != null ? added : file.id(token);
  }

  /** Some models forget to call their turn marks special, and then anyone could write them. */
  private static boolean looksLikeControl(String text) {
    return text.startsWith("<|") && text.endsWith("|>") || text.startsWith("<\uff5c") && text.endsWith("\uff5c>");
  }

  private boolean byteFallback() {
    return model.path("byte_fallback").asBoolean(false);
  }

  /** @param generation of generation_config.json, or empty; modelConfig: of config.json */
  void write(GgufWriter out, JsonNode modelConfig, JsonNode generation) {
    String prefix = Vocabulary.PREFIX;
    boolean bytes = byteFallback();
    out.string(prefix + "model", bytes ? "llama" : "gpt2");
    if (!bytes) {
      out.string(prefix + "pre", pre());
    }
    out.strings(prefix + "tokens", tokens).ints(prefix + "token_type", types);
    if (bytes) {
      out.floats(prefix + "scores", scores());
    } else {
      out.strings(prefix + "merges", file.merges);
    }
    int bos = specialId("bos_token", modelConfig, "bos_token_id");
    int eos = specialId("eos_token", modelConfig, "eos_token_id");
    int template = templateBos();
    if (template >= 0) {
      bos = template;
    }
    if (bos >= 0) {
      out.uint32(prefix + "bos_token_id", bos);
    }
    if (eos >= 0) {
      out.uint32(prefix + "eos_token_id", eos);
    }
    int[] ends = Arrays.stream(HfConfig.ids(generation, "eos_token_id")).filter(id -> id != eos && id >= 0 && id < tokens.size()).toArray();
    if (ends.length > 0) {
      out.uint32(prefix + "eot_token_id", ends[0]);
    }
    if (ends.length > 1) {
      out.ints(Vocabulary.EOG_IDS, ends);
    }
    out.bool(prefix + "add_bos_token", template >= 0 || config.path("add_bos_token").asBoolean(false));
    if (bytes) {
      out.bool(prefix + "add_space_prefix", addsSpace());
      if (root.path("pre_tokenizer").toString().contains("\"prepend_scheme\":\"first\"")) {
        out.bool(SpmTokenizer.FIRST_ONLY, true);
      }
    }
    String normalizer = normalizer(root.path("normalizer"), bytes);
    if (!bytes) {
      out.string(BpeTokenizer.NORMALIZER, normalizer);
    }
    behaviour(out);
  }

  /** How added tokens stand in text, where that is not the plain way. */
  private void behaviour(GgufWriter out) {
    for (String[] flag : new String[][] {{"lstrip", AddedTokens.LSTRIP}, {"rstrip", AddedTokens.RSTRIP}, {"single_word", AddedTokens.SINGLE_WORD}}) {
      IntList marked = new IntList();
      for (JsonNode added : root.path("added_tokens")) {
        if (added.path(flag[0]).asBoolean()) {
          marked.add(added.get("id").intValue());
        }
      }
      if (marked.toArray().length > 0) {
        out.ints(flag[1], marked.toArray());
      }
    }
  }

  /** "nfc" or "none"; what SentencePiece does to spaces counts as none, because its tokenizer does that anyway. */
  private static String normalizer(JsonNode node, boolean spaces) {
    String type = node.path("type").asText("none");
    if (type.equals("Sequence")) {
      String all = "none";
      for (JsonNode part : node.path("normalizers")) {
        all = normalizer(part, spaces).equals("nfc") ? "nfc" : all;
      }
      return all;
    }
    boolean space = node.path("prepend").asText().equals("\u2581") || node.path("content").asText().equals("\u2581")
        && node.path("pattern").path("String").asText().equals(" ");
    if (type.equals("NFC") && !spaces) {
      return "nfc";
    } else if (!type.equals("none") && !(spaces && space && (type.equals("Prepend") || type.equals("Replace")))) {
      throw new UnsupportedModelException("tokenizer.json: normalizer " + node);
    }
    return "none";
  }

  /** Which pre-tokenizer splits as this one does. */
  private String pre() {
    JsonNode pre = root.path("pre_tokenizer");
    List<JsonNode> parts = new ArrayList<>();
    if (pre.path("type").asText().equals("Sequence")) {
      pre.path("pretokenizers").forEach(parts::add);
    } else {
      parts.add(pre);
    }
    String regex = null;
    boolean byteLevel = false;
    for (JsonNode part : parts) {
      String type = part.path("type").asText("none");
      if (type.equals("Split") && regex == null && part.path("behavior").asText().equals("Isolated") && !part.path("invert").asBoolean()) {
        regex = part.path("pattern").path("Regex").asText(null);
      } else if (type.equals("ByteLevel") && !byteLevel && !part.path("add_prefix_space").asBoolean()) {
        byteLevel = true;
        if (part.path("use_regex").asBoolean(true)) {
          regex = regex == null ? GPT2 : null;
        }
      } else {
        throw new UnsupportedModelException("tokenizer.json: pre-tokenizer " + type + " (" + pre + ")");
      }
    }
    String name = regex == null || !byteLevel ? null : PRE.get(regex);
    if (name == null) {
      throw new UnsupportedModelException("tokenizer.json: a pre-tokenizer that splits by " + regex + "; supported: those of GPT-2, Llama 3 and Qwen 2");
    }
    return name.equals("llama-bpe") && !model.path("ignore_merges").asBoolean(false) ? "smaug-bpe" : name;
  }

  /**
   * Scores under which joining by the best score does what joining by the first merge does: that of the first merge that makes a token.
   * Tokens that no merge makes come last; they are never looked for.
   */
  private float[] scores() {
    float[] scores = new float[tokens.size()];
    Arrays.fill(scores, -1e9f);
    int rank = 0;
    for (String merge : file.merges) {
      int gap = merge.indexOf(' ', 1);
      Integer id = gap < 0 ? null : id(merge.substring(0, gap) + merge.substring(gap + 1));
      if (id == null) {
        throw new ModelFormatException("tokenizer.json: merge " + rank + ", '" + merge + "', makes no token", -1);
      }
      scores[id] = Math.max(scores[id], -rank);
      rank++;
    }
    return scores;
  }

  /** Whether text gets a space before it: by a normalizer that prepends one, or a Metaspace that does. */
  private boolean addsSpace() {
    String text = root.path("normalizer").toString() + root.path("pre_tokenizer");
    return text.contains("\"Prepend\"") || text.contains("\"prepend_scheme\":\"first\"") || text.contains("\"prepend_scheme\":\"always\"")
        || text.contains("\"add_prefix_space\":true");
  }

  private int specialId(String name, JsonNode modelConfig, String fallback) {
    JsonNode token = config.path(name);
    Integer id = id(token.isObject() ? token.path("content").asText() : token.asText(""));
    if (id != null) {
      return id;
    }
    int[] given = HfConfig.ids(modelConfig, fallback);
    return given.length > 0 && given[0] >= 0 && given[0] < tokens.size() ? given[0] : -1;
  }

  /** The token that the post-processor puts before a text, or -1. */
  private int templateBos() {
    JsonNode post = root.path("post_processor");
    List<JsonNode> parts = new ArrayList<>();
    parts.add(post);
    post.path("processors").forEach(parts::add);
    for (JsonNode part : parts) {
      String first = part.path("single").path(0).path("SpecialToken").path("id").asText("");
      if (part.path("type").asText().equals("TemplateProcessing") && id(first) != null) {
        return id(first);
      }
    }
    return -1;
  }
}

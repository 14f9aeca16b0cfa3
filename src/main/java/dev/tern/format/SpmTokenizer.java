package dev.tern.format;

import dev.tern.ModelFormatException;
import java.util.Arrays;
import java.util.Set;

/**
 * SentencePiece BPE: the text's characters are joined into the vocabulary's pieces, highest score first; a character that is in no piece
 * becomes its UTF-8 bytes' tokens. Spaces are U+2581, and one is put before the text. (Kudo and Richardson 2018)
 */
final class SpmTokenizer implements Tokenizer {
  /** Whether only the beginning of a text gets a space, and not what follows a special token: Tern's own key. */
  static final String FIRST_ONLY = "tern.tokenizer.space_prefix_first_only";

  private static final byte[] SPACE = {(byte) 0xe2, (byte) 0x96, (byte) 0x81}; // U+2581
  private static final byte[] REPLACEMENT = {(byte) 0xef, (byte) 0xbf, (byte) 0xbd}; // U+FFFD

  private final Vocabulary vocabulary;
  private final TokenTable table;
  private final int[] order; // of each token: smaller is merged sooner
  private final int[] byteId = new int[256]; // token of each byte, or -1
  private final byte[] byteOf; // byte of each byte token
  private final boolean spaceOnlyLeads; // no piece has a space after anything else, so that words can be merged one by one
  private final boolean addsBos;
  private final boolean addsSpacePrefix;
  private final boolean prefixesFirstOnly; // and not what follows a special token

  SpmTokenizer(Vocabulary vocabulary) {
    this.vocabulary = vocabulary;
    GgufStrings tokens = vocabulary.tokens;
    order = order(vocabulary);
    table = new TokenTable(tokens);
    byteOf = new byte[tokens.size()];
    Arrays.fill(byteId, -1);
    boolean leads = true;
    for (int i = 0; i < tokens.size(); i++) {
      switch (vocabulary.type(i)) {
        case Vocabulary.BYTE -> {
          byteOf[i] = (byte) byteValue(i);
          if (byteId[byteOf[i] & 0xff] < 0) {
            byteId[byteOf[i] & 0xff] = i;
          }
        }
        case Vocabulary.CONTROL, Vocabulary.UNKNOWN -> {}
        default -> {
          table.add(i);
          leads &= spaceOnlyLeads(tokens, i);
        }
      }
    }
    spaceOnlyLeads = leads;
    for (int b = 0; b < 256; b++) {
      if (byteId[b] < 0 && vocabulary.unknownId < 0) {
        throw new ModelFormatException("the vocabulary has neither a token for byte " + b + " nor an unknown token", -1);
      }
    }
    addsBos = vocabulary.metadata.boolValue(Vocabulary.PREFIX + "add_bos_token", true);
    prefixesFirstOnly = vocabulary.metadata.boolValue(FIRST_ONLY, false);
    addsSpacePrefix = vocabulary.metadata.boolValue(Vocabulary.PREFIX + "add_space_prefix", true);
  }

  /** Scores as ints that sort the other way round. */
  private static int[] order(Vocabulary vocabulary) {
    String key = Vocabulary.PREFIX + "scores";
    float[] scores = vocabulary.metadata.floats(key);
    if (scores.length != vocabulary.tokens.size()) {
      throw new ModelFormatException(
          "'" + key + "' has " + scores.length + " elements for " + vocabulary.tokens.size() + " tokens", vocabulary.metadata.offset(key));
    }
    int[] order = new int[scores.length];
    for (int i = 0; i < scores.length; i++) {
      if (Float.isNaN(scores[i])) {
        throw new ModelFormatException("the score of token " + i + " is NaN", vocabulary.metadata.offset(key));
      }
      int bits = Float.floatToIntBits(scores[i] + 0f);
      order[i] = ~(bits ^ bits >> 31 & 0x7fffffff);
    }
    return order;
  }

  private int byteValue(int id) {
    String text = vocabulary.text(id);
    int high = text.length() == 6 ? hex(text.charAt(3)) : -1;
    int low = text.length() == 6 ? hex(text.charAt(4)) : -1;
    if (high < 0 || low < 0 || !text.startsWith("<0x") || text.charAt(5) != '>') {
      throw new ModelFormatException("byte token " + id + " is spelled '" + text + "', expected <0x00> to <0xFF>", -1);
    }
    return high * 16 + low;
  }

  private static int hex(char c) {
    return c < 128 ? Character.digit(c, 16) : -1;
  }

  private static boolean spaceOnlyLeads(GgufStrings tokens, int id) {
    boolean leading = true;
    for (int i = tokens.begin(id); i < tokens.end(id); ) {
      boolean space = isSpace(tokens.data(), i, tokens.end(id));
      if (space && !leading) {
        return false;
      }
      leading &= space;
      i += space ? SPACE.length : 1;
    }
    return true;
  }

  private static boolean isSpace(byte[] data, int at, int end) {
    return end - at >= 3 && data[at] == SPACE[0] && data[at + 1] == SPACE[1] && data[at + 2] == SPACE[2];
  }

  @Override
  public int[] encode(String text, boolean addBos, Control control) {
    IntList ids = new IntList();
    if (addBos && vocabulary.bosId >= 0) {
      ids.add(vocabulary.bosId);
    }
    Words words = new Words(ids);
    vocabulary.split(
        text,
        control,
        new Vocabulary.Fragments() {
          @Override
          public void text(String fragment, boolean first) {
            words.encode(addsSpacePrefix && (first || !prefixesFirstOnly) ? " " + fragment : fragment);
          }

          @Override
          public void token(int id) {
            ids.add(id);
          }
        });
    return ids.toArray();
  }

  /** Encodes one text; holds the word in hand. */
  private final class Words extends Merger {
    private final IntList ids;
    private byte[] bytes = new byte[64];
    private int nSymbols;
    private int nBytes;

    Words(IntList ids) {
      this.ids = ids;
    }

    void encode(String text) {
      boolean inSpaces = true;
      for (int i = 0; i < text.length(); ) {
        int c = text.codePointAt(i);
        i += Character.charCount(c);
        boolean space = c == ' ' || c == 0x2581;
        if (space && !inSpaces && spaceOnlyLeads) {
          flush();
        }
        inSpaces = space;
        append(space ? 0x2581 : c);
      }
      flush();
    }

    private void append(int c) {
      reserveSymbol();
      if (bytes.length - nBytes < 4) {
        bytes = Arrays.copyOf(bytes, Math.max(bytes.length, (int) Math.min(bytes.length * 2L, Integer.MAX_VALUE - 8)));
      }
      begin[nSymbols] = nBytes;
      nBytes = Utf8.put(c, bytes, nBytes);
      id[nSymbols] = table.find(bytes, begin[nSymbols], nBytes);
      nSymbols++;
    }

    private void reserveSymbol() {
      if (nSymbols == begin.length) {
        int[] begins = begin;
        int[] symbolIds = id;
        reserve(nSymbols + 1);
        System.arraycopy(begins, 0, begin, 0, nSymbols);
        System.arraycopy(symbolIds, 0, id, 0, nSymbols);
      }
    }

    private void flush() {
      if (nSymbols == 0) {
        return;
      }
      run(nSymbols, nBytes);
      for (int s = 0; s >= 0; s = next(s)) {
        if (id[s] >= 0) {
          ids.add(id[s]);
        } else {
          addBytes(begin[s], end(s));
        }
      }
      nSymbols = 0;
      nBytes = 0;
    }

    private void addBytes(int from, int to) {
      for (int i = from; i < to; i++) {
        if (byteId[bytes[i] & 0xff] < 0) {
          ids.add(vocabulary.unknownId);
          return;
        }
      }
      for (int i = from; i < to; i++) {
        ids.add(byteId[bytes[i] & 0xff]);
      }
    }

    @Override
    int join(int left, int right) {
      int joined = table.find(bytes, begin[left], end(right));
      pairOrder = joined < 0 ? 0 : order[joined];
      return joined;
    }
  }

  @Override
  public byte[] bytes(int id) {
    return switch (vocabulary.type(id)) {
      case Vocabulary.CONTROL -> new byte[0];
      case Vocabulary.UNKNOWN -> REPLACEMENT.clone();
      case Vocabulary.BYTE -> new byte[] {byteOf[id]};
      default -> vocabulary.isPadding(id) ? new byte[0] : unescape(vocabulary.tokens.bytes(id));
    };
  }

  private static byte[] unescape(byte[] piece) {
    int n = 0;
    for (int i = 0; i < piece.length; ) {
      boolean space = isSpace(piece, i, piece.length);
      piece[n++] = space ? (byte) ' ' : piece[i];
      i += space ? SPACE.length : 1;
    }
    return Arrays.copyOf(piece, n);
  }

  @Override
  public String text(int id) {
    return vocabulary.text(id);
  }

  @Override
  public boolean isControl(int id) {
    return vocabulary.type(id) == Vocabulary.CONTROL || vocabulary.isPadding(id);
  }

  @Override
  public int find(String text) {
    return vocabulary.find(text);
  }

  @Override
  public int bosId() {
    return vocabulary.bosId;
  }

  @Override
  public int eosId() {
    return vocabulary.eosId;
  }

  @Override
  public Set<Integer> eogIds() {
    return vocabulary.eogIds;
  }

  @Override
  public int vocabSize() {
    return vocabulary.size;
  }

  @Override
  public boolean addsBos() {
    return addsBos && vocabulary.bosId >= 0;
  }

  @Override
  public boolean addsSpacePrefix() {
    return addsSpacePrefix;
  }
}

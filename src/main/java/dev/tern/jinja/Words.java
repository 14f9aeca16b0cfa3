package dev.tern.jinja;

import dev.tern.ChatTemplateException;
import dev.tern.ChatTemplateException.Reason;
import dev.tern.jinja.Token.Kind;
import java.util.List;

/** The words of a template, one after another, and what to say of one that should not be there. */
class Words {
  private static final int MAX_DEPTH = 64;

  private final List<Token> tokens;
  private int next;
  private int depth;

  Words(List<Token> tokens) {
    this.tokens = tokens;
  }

  Token peek() {
    return tokens.get(next);
  }

  Token peekSecond() {
    return tokens.get(Math.min(next + 1, tokens.size() - 1));
  }

  Token take() {
    Token token = tokens.get(next);
    next = Math.min(next + 1, tokens.size() - 1);
    return token;
  }

  boolean isOperator(String text) {
    return peek().is(Kind.OPERATOR, text);
  }

  boolean isName(String text) {
    return peek().is(Kind.NAME, text);
  }

  boolean skipOperator(String text) {
    return isOperator(text) && take() != null;
  }

  boolean skipName(String text) {
    return isName(text) && take() != null;
  }

  /** Whether a list in brackets goes on; if so, the comma before what comes next is taken, and otherwise its end. */
  boolean another(String close, boolean first) {
    if (skipOperator(close)) {
      return false;
    }
    if (!first) {
      expectOperator(",");
    }
    return first || !skipOperator(close);
  }

  void expectOperator(String text) {
    if (!skipOperator(text)) {
      throw unexpected("'" + text + "'");
    }
  }

  void expectName(String text) {
    if (!skipName(text)) {
      throw unexpected("'" + text + "'");
    }
  }

  String name() {
    if (peek().kind() != Kind.NAME) {
      throw unexpected("a name");
    }
    return take().text();
  }

  void close() {
    if (peek().kind() != Kind.CLOSE) {
      throw unexpected("the end of the tag");
    }
    take();
  }

  ChatTemplateException unexpected(String wanted) {
    return error("has " + peek() + " where " + wanted + " should be");
  }

  ChatTemplateException error(String what) {
    return new ChatTemplateException(Reason.SYNTAX, "the chat template " + what + ", line " + peek().line());
  }

  void enter() {
    if (++depth > MAX_DEPTH) {
      throw Budget.exceeded("nests deeper than " + MAX_DEPTH + " levels, line " + peek().line());
    }
  }

  void leave() {
    depth--;
  }
}

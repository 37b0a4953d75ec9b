/* Runs the signature "score" of an exported function of one input "x" through TensorFlow's C API.
 *
 *   client MODEL FOLDER ROWS WIDTH
 *
 * reads FOLDER/x and FOLDER/references (float32, ROWS x WIDTH) and FOLDER/target (int32, ROWS), and writes one
 * FOLDER/NAME.out of float32 for each output. The names of the tensors are those that the SignatureDef holds; the
 * program finds them in the MetaGraphDef by the wire format of protocol buffers, which keeps it free of other libraries.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tensorflow/c/c_api.h"

typedef struct {
  const uint8_t *at, *end;
} Bytes;

static void fail(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why);
  exit(1);
}

static uint64_t varint(Bytes *b) {
  uint64_t value = 0;
  for (int shift = 0; b->at < b->end; shift += 7) {
    uint8_t byte = *b->at++;
    value |= (uint64_t)(byte & 127) << shift;
    if (byte < 128) break;
  }
  return value;
}

/* Steps to the next field; returns its number, 0 at the end, and the content of a field that has a length. */
static int next_field(Bytes *b, Bytes *content) {
  if (b->at >= b->end) return 0;
  uint64_t key = varint(b), size = 0;
  switch (key & 7) {
    case 0: varint(b); break;
    case 1: b->at += 8; break;
    case 5: b->at += 4; break;
    default: size = varint(b); content->at = b->at; b->at += size; content->end = b->at;
  }
  return (int)(key >> 3);
}

static int is(Bytes text, const char *expected) {
  size_t size = text.end - text.at;
  return strlen(expected) == size && memcmp(text.at, expected, size) == 0;
}

/* Looks up a key in a map field; returns 1 and its value when it is there. */
static int lookup(Bytes message, int field, const char *key, Bytes *value) {
  Bytes entry, part, name = {0, 0};
  for (int n; (n = next_field(&message, &entry));) {
    if (n != field) continue;
    for (int m; (m = next_field(&entry, &part));) {
      if (m == 1) name = part;
      if (m == 2) *value = part;
    }
    if (is(name, key)) return 1;
  }
  return 0;
}

/* Turns the TensorInfo of a signature's input or output into an operation and the index of its output. */
static TF_Output tensor(TF_Graph *graph, Bytes info) {
  Bytes part;
  char name[512] = "";
  for (int n; (n = next_field(&info, &part));)
    if (n == 1) snprintf(name, sizeof name, "%.*s", (int)(part.end - part.at), (const char *)part.at);
  char *colon = strrchr(name, ':');
  TF_Output output = {NULL, colon ? atoi(colon + 1) : 0};
  if (colon) *colon = 0;
  output.oper = TF_GraphOperationByName(graph, name);
  if (!output.oper) fail(name, "no such operation");
  return output;
}

static TF_Tensor *read_tensor(const char *folder, const char *name, TF_DataType type, const int64_t *shape, int rank) {
  char path[4096];
  snprintf(path, sizeof path, "%s/%s", folder, name);
  size_t size = 4;
  for (int i = 0; i < rank; ++i) size *= shape[i];
  TF_Tensor *made = TF_AllocateTensor(type, shape, rank, size);
  FILE *file = fopen(path, "rb");
  if (!file || fread(TF_TensorData(made), 1, size, file) != size) fail(path, "cannot be read");
  fclose(file);
  return made;
}

int main(int count, char **arguments) {
  if (count != 5) fail(arguments[0], "expected MODEL FOLDER ROWS WIDTH");
  const char *folder = arguments[2], *tags[] = {"serve"};
  const int64_t shape[] = {atoll(arguments[3]), atoll(arguments[4])};
  TF_Status *status = TF_NewStatus();
  TF_Graph *graph = TF_NewGraph();
  TF_Buffer *meta = TF_NewBuffer();
  TF_SessionOptions *options = TF_NewSessionOptions();
  TF_Session *session = TF_LoadSessionFromSavedModel(options, NULL, arguments[1], tags, 1, graph, meta, status);
  if (TF_GetCode(status) != TF_OK) fail(arguments[1], TF_Message(status));

  const uint8_t *start = meta->data;
  Bytes signature, info;
  if (!lookup((Bytes){start, start + meta->length}, 5, "score", &signature)) fail("score", "no such signature");

  const char *inputs[] = {"x", "references", "target"};
  TF_Output in[3], out[8];
  TF_Tensor *values[3], *results[8];
  for (int i = 0; i < 3; ++i) {
    if (!lookup(signature, 1, inputs[i], &info)) fail(inputs[i], "no such input");
    in[i] = tensor(graph, info);
    values[i] = read_tensor(folder, inputs[i], i < 2 ? TF_FLOAT : TF_INT32, shape, i < 2 ? 2 : 1);
  }
  const char *outputs[] = {"contributions", "multipliers", "outputs", "reference_outputs", "delta"};
  for (int i = 0; i < 5; ++i) {
    if (!lookup(signature, 2, outputs[i], &info)) fail(outputs[i], "no such output");
    out[i] = tensor(graph, info);
  }
  TF_SessionRun(session, NULL, in, values, 3, out, results, 5, NULL, 0, NULL, status);
  if (TF_GetCode(status) != TF_OK) fail("score", TF_Message(status));

  for (int i = 0; i < 5; ++i) {
    char path[4096];
    snprintf(path, sizeof path, "%s/%s.out", folder, outputs[i]);
    FILE *file = fopen(path, "wb");
    size_t size = TF_TensorByteSize(results[i]);
    if (!file || fwrite(TF_TensorData(results[i]), 1, size, file) != size || fclose(file)) fail(path, "cannot be written");
  }
  TF_CloseSession(session, status);
  return 0;
}

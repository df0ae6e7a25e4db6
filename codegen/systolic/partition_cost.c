/* Boundaries between array and host.
 *
 * Products go to the array wherever it can do them: that is what it is for. Everything else that it
 * can do (pooling, sums of two, functions of bytes) goes where that takes less time in all,
 *
 *   time on its side + for each value that crosses: bytes / host_gb_s, and a wait of one side for the other
 *
 * which is a minimum cut (Stone, "Multiprocessor scheduling with the aid of network flow algorithms",
 * 1977): the array is the source, the host the sink, what a step costs on a side is its edge to the
 * other; a value that crosses costs once, however many read it, by a node of its own on each way.
 *
 *          host's time           crossing
 *   array -----------> step a ------------> value ====> readers          ====: never cut
 *          step a -----------> host   array's time
 *
 * Parameters and results are the host's; a product beside them pays, but has no choice.
 *
 * Cost: Dinic's algorithm; few steps are free, so it ends after a few rounds.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#include "codegen/systolic/partition.h"

/* What a host does in a nanosecond, and what calling it takes. */
static const double host_bytes_per_ns = 10, host_step_ns = 2000, wait_ns = 2000, never = 1e18;

typedef struct {
  int to, next; /* next edge of the same node; -1: none. Edge i ^ 1 goes back */
  double room;
} edge;

enum { ARRAY, HOST, FIRST_STEP };

typedef struct {
  tn_partition *p;
  int nodes;
  int *first; /* edge of each node */
  int *level, *turn;
  TN_VEC(edge) edges;
} network;

/* ---- flows ---- */

static void connect(network *n, int from, int to, double room) {
  TN_PUSH(n->p->arena, &n->edges, ((edge){to, n->first[from], room}));
  n->first[from] = n->edges.count - 1;
  TN_PUSH(n->p->arena, &n->edges, ((edge){from, n->first[to], 0}));
  n->first[to] = n->edges.count - 1;
}

/* Distances from the array over edges with room; true if the host is reached. */
static bool find_levels(network *n, int *queue) {
  int head = 0, tail = 0;
  for (int i = 0; i < n->nodes; i++) n->level[i] = -1;
  n->level[ARRAY] = 0;
  queue[tail++] = ARRAY;
  while (head < tail) {
    int node = queue[head++];
    for (int e = n->first[node]; e >= 0; e = n->edges.at[e].next) {
      int to = n->edges.at[e].to;
      if (n->edges.at[e].room <= 0 || n->level[to] >= 0) continue;
      n->level[to] = n->level[node] + 1;
      queue[tail++] = to;
    }
  }
  return n->level[HOST] >= 0;
}

/* One path from the array to the host along rising levels; false if there is none. path: its edges. */
static bool push_path(network *n, int *path) {
  int node = ARRAY, length = 0;
  while (node != HOST) {
    int e = n->turn[node];
    while (e >= 0 && (n->edges.at[e].room <= 0 || n->level[n->edges.at[e].to] != n->level[node] + 1))
      e = n->edges.at[e].next;
    n->turn[node] = e;
    if (e >= 0) {
      path[length++] = e;
      node = n->edges.at[e].to;
      continue;
    }
    if (node == ARRAY) return false;
    n->level[node] = -1; /* a dead end */
    node = n->edges.at[path[--length] ^ 1].to;
  }
  double least = never;
  for (int i = 0; i < length; i++)
    if (n->edges.at[path[i]].room < least) least = n->edges.at[path[i]].room;
  for (int i = 0; i < length; i++) {
    n->edges.at[path[i]].room -= least;
    n->edges.at[path[i] ^ 1].room += least;
  }
  return true;
}

static void cut(network *n) {
  int *queue = TN_NEW_ARRAY(n->p->arena, int, n->nodes), *path = TN_NEW_ARRAY(n->p->arena, int, n->nodes);
  while (find_levels(n, queue)) {
    memcpy(n->turn, n->first, sizeof *n->first * (size_t)n->nodes);
    while (push_path(n, path)) {}
  }
}

/* ---- costs ---- */

static double bytes_of(const tn_partition *p, int buffer) {
  const tn_shape *shape = p->plan->buffers[buffer].shape;
  return (double)tn_shape_elements(shape) * (double)tn_type_bytes(shape->type);
}

static double crossing(const tn_partition *p, int buffer) {
  tn_systolic_port host = tn_systolic_host_port(p->options->array);
  double cycles = bytes_of(p, buffer) * host.cycles_per_byte + (double)host.latency;
  return cycles * 1000 / p->options->array->clock_mhz;
}

static void connect_step(network *n, int step) {
  const tn_placed_step *s = &n->p->steps[step];
  if (!s->work) {
    connect(n, FIRST_STEP + step, HOST, never);
    return;
  }
  if (s->work->is_contraction) {
    connect(n, ARRAY, FIRST_STEP + step, never);
    return;
  }
  double bytes = 0;
  for (int i = 0; i < s->reads.count; i++) bytes += bytes_of(n->p, s->reads.at[i]);
  for (int i = 0; i < s->writes.count; i++) bytes += bytes_of(n->p, s->writes.at[i]);
  connect(n, ARRAY, FIRST_STEP + step, host_step_ns + bytes / host_bytes_per_ns);
  connect(n, FIRST_STEP + step, HOST, (double)s->tiling->cycles * 1000 / n->p->options->array->clock_mhz);
}

static bool is_result(const tn_partition *p, int buffer) {
  return p->plan->buffers[buffer].memory == TN_MEMORY_RESULT;
}

/* Two nodes a value: one for each way in which it may cross. */
static void connect_values(network *n, const int *writer) {
  const tn_partition *p = n->p;
  int values = FIRST_STEP + p->count;
  for (int b = 0; b < p->plan->n_buffers; b++) {
    int maker = writer[b] < 0 ? HOST : FIRST_STEP + writer[b];
    double cost = crossing(p, b);
    connect(n, values + 2 * b + 1, maker, cost + (writer[b] < 0 ? 0 : wait_ns));
    if (writer[b] < 0) continue;
    connect(n, maker, values + 2 * b, cost + wait_ns);
    if (is_result(p, b)) connect(n, maker, HOST, cost);
  }
  for (int i = 0; i < p->count; i++)
    for (int k = 0; k < p->steps[i].reads.count; k++) {
      int b = p->steps[i].reads.at[k];
      if (writer[b] == i) continue;
      connect(n, values + 2 * b, FIRST_STEP + i, never);
      connect(n, FIRST_STEP + i, values + 2 * b + 1, never);
    }
}

void tn_partition_choose(tn_partition *p) {
  network n = {.p = p, .nodes = FIRST_STEP + p->count + 2 * p->plan->n_buffers};
  int *writer = TN_NEW_ARRAY(p->arena, int, p->plan->n_buffers);
  n.first = TN_NEW_ARRAY(p->arena, int, n.nodes);
  n.level = TN_NEW_ARRAY(p->arena, int, n.nodes);
  n.turn = TN_NEW_ARRAY(p->arena, int, n.nodes);
  for (int i = 0; i < n.nodes; i++) n.first[i] = -1;
  for (int b = 0; b < p->plan->n_buffers; b++) writer[b] = -1;
  for (int i = p->count - 1; i >= 0; i--)
    for (int k = 0; k < p->steps[i].writes.count; k++) writer[p->steps[i].writes.at[k]] = i;
  for (int i = 0; i < p->count; i++) connect_step(&n, i);
  connect_values(&n, writer);
  cut(&n);
  for (int i = 0; i < p->count; i++) {
    tn_placed_step *s = &p->steps[i];
    s->on_array = s->work && n.level[FIRST_STEP + i] >= 0;
    if (s->work && !s->on_array) s->why = "less time on the host";
  }
}

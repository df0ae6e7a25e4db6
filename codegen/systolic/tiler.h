/* What the makers of streams share: the machine's memories as they are while a program is laid out.
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 */
#ifndef TN_SYSTOLIC_TILER_H
#define TN_SYSTOLIC_TILER_H

#include "codegen/systolic/builder.h"
#include "codegen/systolic/forecast.h"
#include "codegen/systolic/problem.h"
#include "codegen/systolic/room.h"

/* Scratch in DRAM lies behind the constants, whose size is known when all are packed: until then its
 * addresses start here.                                                                             */
#define TN_SCRATCH ((int64_t)1 << 48)

/* Where copies of a buffer of the plan are, -1: nowhere. */
typedef struct {
  int64_t bytes;
  int64_t buffer, dram, host;       /* addresses */
  bool in_buffer, in_dram, in_host; /* it is all there (or being written there) */
  int n_uses, next_use;
  int *uses; /* items that read it on the array, in order */
} tn_value_place;

/* A packed matrix of weights, or one that lies in DRAM as it was computed. */
typedef struct {
  int64_t offset; /* of the batch in w */
  int64_t at;     /* in DRAM */
} tn_packed;

typedef struct {
  tn_arena *arena;
  const tn_tile_program *program;
  const tn_systolic_options *options;
  const tn_systolic_target *array;
  tn_diagnostics *sink;
  tn_builder *builder;
  tn_room buffer, dram;
  tn_value_place *places; /* by buffer of the plan */
  tn_text constants;      /* DRAM's first bytes */
  int item;
  int64_t piece_bytes;           /* that one transfer from or to DRAM may have; 0: any number */
  int64_t sums_rows, sums_next;  /* accumulators: a ring */
  int64_t block_sums, tile_sums; /* of a block whose sums are in parts: all of them, the next tile's */
  tn_forecast_machine machine;
  tn_forecast forecast;
  tn_forecast_value *values;      /* by buffer of the plan */
  tn_forecast_program *steps;     /* of the forecast so far */
  tn_instruction pipeline, view;  /* as last set */
  tn_instruction weights, matmul; /* not yet added: repetitions still join them */
  int n_matmul_reaches;
  tn_reach matmul_reaches[2];
  int64_t matmul_tiles;
  double matmuls; /* of all items so far, before repetitions join them */
} tn_tiler;

/* Scales and biases of an item: `arrays` of [batches][count] numbers of four bytes, and a table. */
typedef struct {
  int64_t arrays, batches, count, table_bytes;
  tn_role role; /* along which they go; TN_ROLE_BATCH: along nothing, all are the same */
  bool streams; /* those of a block come with it, `row` of each array; else all are there */
  int64_t row;
} tn_channels;

/* One item while it is laid out. */
typedef struct {
  tn_problem outside; /* as operands lie in DRAM and the host's memory */
  tn_problem problem; /* as they lie in the unified buffer: blocks may be packed in their slots */
  tn_tiling tiling;
  TN_VEC(tn_packed) packed;
  tn_channels channels;
  int64_t constants_from, constants_at; /* of the pipeline: in DRAM, in the unified buffer (-1: none) */
  tn_forecast_item forecast;
  int64_t slot_at[2][TN_OPERANDS], slot_bytes[TN_OPERANDS]; /* of streamed operands; CHANNEL: of channels */
} tn_item_plan;

/* Where the operands of one block are: address of the buffer's first byte, were all of it there. */
typedef struct {
  tn_work_part part;
  int64_t base[TN_OPERANDS];
  int slot[TN_OPERANDS];
} tn_block;

/* ---- moves.c ---- */
/* One transfer: `rows` pieces of `bytes`. */
void tn_tiler_move(tn_tiler *tiler, tn_space source, int64_t from, tn_space result, int64_t to, int64_t rows,
                   int64_t bytes, int64_t from_stride, int64_t to_stride);
/* Pieces of a value between its home and the unified buffer, at address `at` there and then a stride apart. */
void tn_tiler_load(tn_tiler *tiler, int buffer, const tn_pieces *from, int64_t at, int64_t stride);
void tn_tiler_store(tn_tiler *tiler, int buffer, bool to_host, int64_t at, int64_t stride,
                    const tn_pieces *to);
/* All of it. */
void tn_tiler_store_whole(tn_tiler *tiler, int buffer, bool to_host);
/* The weights of a buffer lie in DRAM when this returns; its address. */
int64_t tn_tiler_weights_home(tn_tiler *tiler, int buffer);

/* ---- places.c ---- */
void tn_tiler_open_places(tn_tiler *tiler);
/* Homes, tiling and slots of an item; loads what is to be there as a whole. False after reporting. */
bool tn_tiler_place_item(tn_tiler *tiler, tn_item_plan *item);
bool tn_has_slots(const tn_item_plan *item, tn_operand_kind kind);
/* Gives back what no later item reads, and slots. */
void tn_tiler_release_item(tn_tiler *tiler, tn_item_plan *item);

/* ---- tile.c ---- */
/* What the item moves beside its blocks and what comes as a whole: results to the host, weights to DRAM. */
void tn_tiler_describe_moves(const tn_tiler *tiler, const tn_item_plan *item, tn_forecast_item *forecast);
/* The step is taken, and kept. */
void tn_tiler_forecast(tn_tiler *tiler, const tn_forecast_step *step);

/* ---- describe.c ---- */
/* What the tiling says of the item: all but values, and what moves before its blocks do. The problem as it is laid
 * out in the unified buffer, and outside.                                                            */
void tn_describe_item(const tn_systolic_target *array, const tn_problem *problem, const tn_problem *outside,
                      const tn_tiling *tiling, tn_forecast_item *item);
/* The most that one transfer from or to DRAM may have; 0: any number. */
int64_t tn_piece_bytes(const tn_systolic_target *array, const tn_problem *problem, const tn_tiling *tiling);

/* ---- choose.c ---- */
/* What a choice is made on. */
typedef struct {
  const tn_systolic_target *array;
  const tn_forecast_machine *machine;
  const tn_room *room; /* that blocks of what is not in the unified buffer fit into */
  const tn_forecast *before;
  double done;                           /* when all before is */
  tn_forecast_value values[TN_OPERANDS]; /* of operands, before */
  tn_forecast_item item; /* what comes as a whole before the blocks do, constants, where y goes */
} tn_choice;
tn_choice tn_choice_of(const tn_systolic_target *array, const tn_forecast_machine *machine,
                       const tn_room *room, const tn_forecast *before);
/* The best tiling with x, second and y where `tiling` says. False: none fits. */
bool tn_choose_blocks(const tn_problem *problem, const tn_choice *choice, tn_tiling *tiling);
/* The same, if no whole rows do: blocks of some columns and sums. */
bool tn_choose_boxes(const tn_problem *problem, const tn_systolic_target *array, const tn_room *room,
                     tn_tiling *tiling);
/* Where a block's sums are, of a product. */
void tn_cut_sums(const tn_problem *problem, const tn_systolic_target *array, tn_tiling *tiling);
/* Operands as they lie in their slots, and the bytes that a slot needs; 0: none. */
void tn_lay_out(tn_problem *problem, const tn_tiling *tiling, int64_t bytes[TN_OPERANDS]);
bool tn_is_streamed(const tn_tiling *tiling, tn_operand_kind kind);
int64_t tn_sums_capacity(const tn_systolic_target *array);

/* ---- weights.c ---- */
/* One tile, columns n … and rows k … of the problem, into the FIFO. */
void tn_tiler_read_tile(tn_tiler *tiler, tn_item_plan *item, int64_t batch, int64_t k, int64_t rows,
                        int64_t n, int64_t columns);
void tn_tiler_flush_weights(tn_tiler *tiler);
/* From k on so many rows can be one tile, from n on so many columns. */
int64_t tn_tile_rows(const tn_systolic_target *array, const tn_problem *problem, const tn_tiling *tiling,
                     int64_t k);
int64_t tn_tile_columns(const tn_systolic_target *array, const tn_problem *problem, const tn_tiling *tiling,
                        int64_t n);

void tn_count_tiles(const tn_systolic_target *array, const tn_problem *problem, const tn_tiling *tiling,
                    const tn_work_part *part, tn_tile_counts *counts);

/* Rows of accumulators for all sums of a part. */
int64_t tn_sums_of(const tn_systolic_target *array, const tn_problem *problem, const tn_tiling *tiling,
                   const tn_work_part *part);

/* ---- pipeline.c ---- */
void tn_tiler_load_constants(tn_tiler *tiler, tn_item_plan *item);
tn_channels tn_channels_of(const tn_systolic_target *array, const tn_problem *problem,
                           const tn_tiling *tiling);
/* Bytes in the unified buffer while the item runs; of a slot for those that come with their blocks. */
int64_t tn_constants_bytes(const tn_channels *channels);
int64_t tn_channels_bytes(const tn_channels *channels);
/* False: there is no room for them. */
bool tn_take_constants(const tn_systolic_target *array, const tn_problem *problem, const tn_tiling *tiling,
                       tn_room *room);
void tn_tiler_load_channels(tn_tiler *tiler, const tn_item_plan *item, const tn_work_part *part, int64_t at);
/* DRAM's next constant starts where this says. */
int64_t tn_tiler_begin_constant(tn_tiler *tiler);
/* Results as an instruction's rows and columns: those of y or, input stationary, its columns and rows. */
typedef struct {
  tn_role row_role, column_role;
  int64_t row, rows, column, columns;
} tn_result_block;
/* The pipeline, if it is not set so, and `vector`, an activate or vector that says all of its source, which is
 * `source`, but how many rows, columns and windows.                                                   */
void tn_tiler_add_vector(tn_tiler *tiler, const tn_item_plan *item, const tn_block *block,
                         const tn_result_block *results, tn_instruction *vector, tn_reach source);
void tn_tiler_set_view(tn_tiler *tiler, const tn_problem *problem, const tn_work_part *part);

/* ---- product.c, vector.c ---- */
void tn_tiler_product_block(tn_tiler *tiler, tn_item_plan *item, const tn_block *block);
/* Input stationary: so many rows from m on, of `left`, are one tile. */
int64_t tn_stationary_rows(const tn_systolic_target *array, const tn_problem *problem, int64_t m,
                           int64_t left);
void tn_tiler_vector_block(tn_tiler *tiler, tn_item_plan *item, const tn_block *block);
/* Of the element of the first row, column and sum of a block's batch; may lie outside of all memory. */
int64_t tn_batch_address(const tn_block *block, const tn_problem *problem, tn_operand_kind kind);

#endif

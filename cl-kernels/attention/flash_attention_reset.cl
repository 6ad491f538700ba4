/*
 * Zeroes the counter from which the persistent work-groups of clf_flash_attention_cpu and
 * clf_flash_attention_few_rows_cpu take their units, an int at the workspace's beginning. To be
 * enqueued before each of their runs. One work-item; arguments: workspace, workspace_offset
 * (bytes).
 */
__kernel __attribute__((reqd_work_group_size(1, 1, 1))) void
clf_flash_attention_reset(__global uchar *workspace, long workspace_offset) {
    *(__global int *)(workspace + workspace_offset) = 0;
}

"""`moorage schedules`: pipelines that run at given times, and when data change.

creating   a PipelineSchedule from options
telling    what a schedule and its status say, in words: pure
commands   list, show, pause, resume, delete
"""

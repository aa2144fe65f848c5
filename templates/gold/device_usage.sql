SELECT
    s.device_type                                                                   AS device_type,
    CAST(COUNT(*) AS int)                                                           AS total_sessions,
    CAST(AVG(CAST(s.watch_duration_minutes AS decimal(9,2))) AS decimal(9,3))       AS avg_session_duration,
    CAST(AVG(s.completion_percentage) AS decimal(5,2))                              AS avg_completion_percentage
FROM silver.all_viewing_sessions AS s
GROUP BY s.device_type

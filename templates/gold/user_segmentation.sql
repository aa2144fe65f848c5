-- Read from gold.user_analytics so that what a segment is stands in one place.
SELECT
    a.user_segment                                                      AS user_segment,
    CAST(COUNT(*) AS int)                                               AS users_in_segment,
    CAST(AVG(a.total_watch_time_hours) AS decimal(9,3))                 AS avg_watch_hours,
    CAST(AVG(CAST(a.total_sessions AS decimal(9,2))) AS decimal(9,3))   AS avg_sessions_per_user,
    CAST(AVG(CAST(a.unique_content_watched AS decimal(9,2))) AS decimal(9,3)) AS avg_unique_content,
    CAST(100.0 * COUNT(*) / SUM(COUNT(*)) OVER () AS decimal(5,2))      AS segment_percentage
FROM gold.user_analytics AS a
GROUP BY a.user_segment

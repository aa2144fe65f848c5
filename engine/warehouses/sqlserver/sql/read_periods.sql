{#- The day after the last one that date holds cannot be written: an open end stands for it. #}
{%- set last = {"day": "'9999-12-31'", "month": "'9999-12-01'", "year": "'9999-01-01'"}[grain] %}
    DECLARE @periods TABLE ([first] date NULL, [next] date NULL);
{%- for some in brought.days | batch(1000) %}
    INSERT INTO @periods ([first]) VALUES {% for day in some %}({{ day | literal }}){{ ", " if not loop.last }}{% endfor %};
{%- endfor %}
    UPDATE @periods SET [next] = DATEADD({{ grain }}, 1, [first]) WHERE [first] < {{ last }};
{%- if none in brought.periods %}
    INSERT INTO @periods ([first], [next]) VALUES (NULL, NULL);
{%- endif %}

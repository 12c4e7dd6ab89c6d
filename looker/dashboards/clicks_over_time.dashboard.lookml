- dashboard: clicks_over_time
  title: Clicks over time
  layout: newspaper
  preferred_viewer: dashboards-next
  filters:
    - name: Sent
      title: Sent
      type: field_filter
      default_value: 28 days
      model: chatfuel
      explore: fct_chatfuel__broadcast_metrics
      field: fct_chatfuel__broadcasts.sent_date
  elements:
    - name: clicks
      title: Clicks, as the counters grew
      type: looker_line
      model: chatfuel
      explore: fct_chatfuel__broadcast_metrics
      fields: [fct_chatfuel__broadcast_metrics.pulled_at_time, fct_chatfuel__broadcasts.message, fct_chatfuel__broadcast_metrics.clicked]
      pivots: [fct_chatfuel__broadcasts.message]
      listen:
        Sent: fct_chatfuel__broadcasts.sent_date
      row: 0
      col: 0
      width: 24
      height: 10
    - name: moved_up
      title: What followed a broadcast
      type: looker_column
      model: chatfuel
      explore: fct_chatfuel__user_events
      fields: [fct_chatfuel__broadcasts.message, fct_chatfuel__user_events.event_type, fct_chatfuel__user_events.event_users]
      pivots: [fct_chatfuel__user_events.event_type]
      listen:
        Sent: fct_chatfuel__broadcasts.sent_date
      row: 10
      col: 0
      width: 24
      height: 10
